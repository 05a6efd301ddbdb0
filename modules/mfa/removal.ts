import type { Person } from '../kernel/person.ts';
import type { ActiveFactor, Engine } from './engine.ts';
import type { EnrolmentRow } from './enrolments.ts';
import { viewOf, type Facts } from './policy/decide.ts';

/** The factor that proves a person where one is taken away: their first primary one; null where they have none. */
export function provingFactor(engine: Engine, facts: Facts): ActiveFactor | null {
  const view = viewOf(facts);
  const [one] = [...view.usable, ...view.retired];
  return engine.factors.get(one?.factor ?? '') ?? null;
}

/** Takes one enrolment away, with what its factor keeps elsewhere, and lets the other factors know. False: it was gone already. */
export async function removeEnrolment(engine: Engine, person: Person, row: EnrolmentRow): Promise<boolean> {
  if (!(await engine.enrolments.remove(row))) return false;
  await engine.release(person, row);
  await engine.tell({ event: 'removed', factor: row.factor, role: engine.roleOf(row.factor), personId: person.id });
  return true;
}
