import type { Person } from '../kernel/person.ts';
import type { ActiveFactor, Engine } from './engine.ts';
import type { EnrolmentRow } from './enrolments.ts';
import { provingOf, viewOf, type Facts } from './policy/decide.ts';

/**
 * The factors that prove a person where one is taken away, the likeliest first. One that stays comes before the one that goes, which may
 * be the phone they have lost; then the one they signed in by. Empty: they have none.
 */
export function provingFactors(
  engine: Engine,
  facts: Facts,
  at: { removed: string | null; signedInBy: string | undefined },
): ActiveFactor[] {
  const ids = provingOf(viewOf(facts));
  const place = (id: string) => (id === at.removed ? 2 : 0) + (id === at.signedInBy ? 0 : 1);
  return ids.sort((one, other) => place(one) - place(other)).flatMap((id) => engine.factors.get(id) ?? []);
}

/** Takes one enrolment away, with what its factor keeps elsewhere, and lets the other factors know. False: it was gone already. */
export async function removeEnrolment(engine: Engine, person: Person, row: EnrolmentRow): Promise<boolean> {
  if (!(await engine.enrolments.remove(row))) return false;
  await engine.release(person, row);
  await engine.tell({ event: 'removed', factor: row.factor, role: engine.roleOf(row.factor), personId: person.id });
  return true;
}
