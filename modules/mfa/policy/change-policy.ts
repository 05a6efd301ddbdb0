import type { Policy } from './policy.ts';

/** The next policy from what was chosen: what a change of mode means to epochs and to running graces. Pure. */
export function changePolicy(seen: Policy, chosen: Policy, now: Date): Policy {
  const reenabled = seen.mode === 'off' && chosen.mode !== 'off';
  const anew = reenabled && chosen.onReenable === 'reenrolAll';
  const enrolmentEpoch = seen.enrolmentEpoch + (anew ? 1 : 0);
  // Whoever has to enrol anew was enrolled before: a grace would leave them with the password alone.
  const beginsNow = chosen.mode === 'required' && seen.mode !== 'required' && !anew;
  const requiredSince = chosen.mode !== 'required' || anew ? null : beginsNow ? now : seen.requiredSince;
  return { ...chosen, enrolmentEpoch, requiredSince };
}
