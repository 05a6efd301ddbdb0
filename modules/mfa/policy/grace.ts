import type { Person } from '../../kernel/person.ts';
import type { Policy } from './policy.ts';

const day = 86_400_000;

/**
 * Until when a contact may go on without a factor that is required; null: not at all. Staff's own deadline for the person comes first;
 * else the days of the policy, from the requirement on or from when the person was added, whichever is later.
 */
export function graceUntil(
  person: Pick<Person, 'kind' | 'graceUntil' | 'createdAt'>,
  policy: Pick<Policy, 'graceDays' | 'requiredSince'>,
): Date | null {
  // Not a day on the password alone for whoever sees every customer, whatever their policy has come to say.
  if (person.kind === 'staff') return null;
  if (person.graceUntil) return person.graceUntil;
  if (policy.graceDays === 0 || policy.requiredSince === null) return null;
  const since = Math.max(policy.requiredSince.getTime(), person.createdAt.getTime());
  return new Date(since + policy.graceDays * day);
}
