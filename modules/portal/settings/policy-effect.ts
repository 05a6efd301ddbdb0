import type { Directory } from '../../accounts/directory.ts';
import { keyOf } from '../../accounts/directory.ts';
import type { PersonKind } from '../../kernel/person.ts';
import type { Engine } from '../../mfa/engine.ts';
import type { Policy } from '../../mfa/policy/policy.ts';
import { addEffect, noEffect, type PolicyEffect } from '../../mfa/policy/preview.ts';

const batch = 250;

/** Counts what a change of policy means to everybody of an audience who can sign in now. Reads all of them, some hundred at a time. */
export async function policyEffect(
  ports: { engine: Engine; directory: Directory },
  audience: PersonKind,
  policies: { before: Policy; after: Policy },
): Promise<PolicyEffect> {
  let effect = noEffect;
  let after: ReturnType<typeof keyOf> | null = null;
  for (;;) {
    const people = await ports.directory.page({ kind: audience }, { after, count: batch });
    const last = people.at(-1);
    if (!last) return effect;
    after = keyOf(last);
    const active = people.filter((person) => !person.disabled && person.hasPassword);
    const facts = await ports.engine.manyFacts(active, [policies.before, policies.after]);
    for (const [then, now] of facts) if (then && now) effect = addEffect(effect, then, now);
  }
}
