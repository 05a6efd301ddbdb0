import type { Person } from '../../kernel/person.ts';
import type { Engine } from '../../mfa/engine.ts';

/** Sets up the first primary factor and every recovery one; gives what the person's device and drawer then hold. */
export async function seedFactors(engine: Engine, person: Person): Promise<object> {
  const primary = await seedPrimaryFactor(engine, person);
  let held = {};
  for (const { definition, running } of engine.factors.values())
    if (definition.traits.role === 'recovery') held = { ...held, ...(await running.seed?.(person)) };
  return { ...primary, ...held };
}

/** Sets up the first primary factor alone: each recovery code would cost one slow hash more. */
export async function seedPrimaryFactor(
  engine: Engine,
  person: Person,
  options?: { secret: Uint8Array },
): Promise<object> {
  const primary = [...engine.factors.values()].find(
    ({ definition, running }) => definition.traits.role === 'primary' && 'seed' in running,
  );
  const held = await primary?.running.seed?.(person, options);
  if (!held) return {};
  await engine.ports.people.noteMfaState(person.id, 'enrolled');
  return held;
}
