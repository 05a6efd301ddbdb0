import type { Person } from '../kernel/person.ts';
import type { AuditEntry } from '../kernel/ports.ts';
import type { Engine } from './engine.ts';
import type { EnrolmentRow } from './enrolments.ts';

/**
 * Takes every enrolment of a person, of every factor and epoch, with what factors keep elsewhere and every lock. `check` is asked of the
 * person as they are once nobody else can change them; it throws to refuse. Gives what was removed.
 */
export async function dropFactors(
  engine: Engine,
  personId: string,
  check: (person: Person) => void | Promise<void> = () => undefined,
): Promise<EnrolmentRow[]> {
  return engine.changing(personId, async (now) => {
    await check(now);
    const rows = await engine.enrolments.activeOf(personId);
    for (const row of rows) {
      await engine.enrolments.remove(row);
      await engine.release(now, row);
    }
    await engine.enrolments.discardAll(personId);
    await engine.attempts.clear(personId, [...new Set([...rows.map((row) => row.factor), ...engine.factors.keys()])]);
    return rows;
  });
}

/**
 * A reset: every enrolment of the person goes, of every factor and epoch, and every lock; all their sign-ins end. It is a recovery
 * (NIST SP 800-63B-4 4.2): who asks for it must know that it is them, and says how. Gives the number of enrolments removed.
 */
export async function resetFactors(
  engine: Engine,
  person: Person,
  by: { actor: AuditEntry['actor']; reason: string; check?: (person: Person) => void },
): Promise<number> {
  const removed = await dropFactors(engine, person.id, async (now) => {
    by.check?.(now);
    // Before anything is taken away: a sign-in that is still open must not set up the first factor of the person who then has none.
    await engine.ports.people.endAllSignIns(person.id);
  });
  await engine.ports.people.endGrace(person.id);
  await engine.noteState(person);
  for (const row of removed)
    await engine.tell({ event: 'reset', factor: row.factor, role: engine.roleOf(row.factor), personId: person.id });
  await engine.ports.audit.record({
    event: 'enrolment.reset',
    outcome: 'success',
    actor: by.actor,
    target: { kind: 'person', id: person.id },
    reason: by.reason,
    detail: { removed: removed.length },
  });
  return removed.length;
}
