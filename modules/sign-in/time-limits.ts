import type { Person } from '../kernel/person.ts';
import type { SignIn } from '../kernel/sign-in.ts';

const minute = 60_000;
const hour = 60 * minute;

/** How long a sign-in lasts (NIST SP 800-63B-4 2.2.3; ASVS 7.3.1, 7.3.2), in milliseconds. */
export const timeLimits = {
  contact: { overall: 12 * hour, idle: 30 * minute },
  staff: { overall: 8 * hour, idle: 15 * minute },
  /** From the right password to the last step of the sign-in. */
  pending: 10 * minute,
  /** A proof counts as fresh this long. */
  fresh: 5 * minute,
} as const;

/** Why a sign-in is over at `now`; null while it is in time. The cookie's own lifetime is never relied on. */
export function overBecause(
  signIn: SignIn,
  person: Person,
  now: Date,
): 'pending-expired' | 'overall-limit' | 'idle-limit' | null {
  const age = now.getTime() - signIn.createdAt.getTime();
  if (signIn.state === 'password') return age >= timeLimits.pending ? 'pending-expired' : null;
  const limits = timeLimits[person.kind];
  if (age >= limits.overall) return 'overall-limit';
  return now.getTime() - signIn.lastSeenAt.getTime() >= limits.idle ? 'idle-limit' : null;
}

/** True while the last full proof is at most five minutes old. */
export function isFresh(signIn: SignIn, now: Date): boolean {
  return signIn.freshAt !== null && now.getTime() - signIn.freshAt.getTime() < timeLimits.fresh;
}
