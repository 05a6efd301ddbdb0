import type { Person } from '../../kernel/person.ts';
import type { AuditEntry } from '../../kernel/ports.ts';
import { Refused } from '../../kernel/errors.ts';
import type { CheckStanding } from '../../accounts/standing.ts';
import { dropFactors } from '../../mfa/reset.ts';
import type { UsersPorts } from './users-ports.ts';

/**
 * Removes a person for good: the account, factors, sign-ins, links and mails (LOG-4); the audit keeps the id alone. The account is shut
 * first and goes last: a kill in between leaves somebody who can't sign in and can be removed again, never factors without a person.
 */
export async function removePerson(
  ports: Pick<UsersPorts, 'standing' | 'signIns' | 'engine' | 'outbox' | 'links' | 'audit'>,
  person: Person,
  by: { actor: AuditEntry['actor']; reason: string; check: CheckStanding },
): Promise<void> {
  const { standing, signIns, engine, outbox } = ports;
  const { actor, reason, check } = by;
  const shut = await standing.disable(person.id, check);
  const now = shut?.after ?? person;
  await ports.audit.record({
    event: 'person.removed',
    outcome: 'success',
    actor,
    target: { kind: 'person', id: person.id },
    reason,
    detail: { profile: now.profileId },
  });
  await dropFactors(engine, person.id);
  await engine.forget(person.id);
  await signIns.endAllOf(person.id, { actor, reason: 'account-closed' });
  await signIns.forgetAllOf(person.id);
  for (const email of [now.email, ...(await ports.links.otherEmailsOf(person.id))]) await outbox.forgetAllTo(email);
  await standing.remove(person.id, (latest) => {
    check(latest);
    // Somebody let them back in meanwhile: what was announced to that one no longer holds.
    if (!latest.disabled) throw new Refused('busy', { retryAfterSeconds: 1 });
  });
}
