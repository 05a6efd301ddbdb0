import type { Facts } from './decide.ts';
import { decide } from './decide.ts';

/** What a change of policy does to people, counted. */
export interface PolicyEffect {
  people: number;
  /** Asked to set a factor up at their next sign-in, and were not before. */
  asked: number;
  /** Must set one up when their days of grace are over, and had no such days before. */
  later: number;
  /** Had a deadline of their own, which ends with a new enrolment epoch. */
  deadlines: number;
  /** Asked for a code of the factor they have, and were not before. */
  challenged: number;
  /** Asked for nothing any more. */
  letGo: number;
  /** Lose one of several ways to prove that it is them, and keep another. */
  fewer: number;
  /** Their factor is switched off: asked for it once more. */
  retired: number;
  /** Can't get in any more without help. */
  stranded: number;
}

export const noEffect: PolicyEffect = {
  people: 0,
  asked: 0,
  later: 0,
  deadlines: 0,
  challenged: 0,
  letGo: 0,
  fewer: 0,
  retired: 0,
  stranded: 0,
};

/** Adds what a change means for one person. Pure. */
export function addEffect(effect: PolicyEffect, before: Facts, after: Facts): PolicyEffect {
  const anew = after.policy.enrolmentEpoch > before.policy.enrolmentEpoch;
  // A new epoch ends every deadline as soon as it is saved.
  const [then, now] = [decide(before), decide(anew ? { ...after, graceUntil: null } : after)];
  const isRetired = (decision: typeof now) => decision.outcome === 'verify' && decision.retired;
  const waits = (decision: typeof now) => decision.outcome === 'satisfied' && decision.daysLeft !== undefined;
  const waysOf = (decision: typeof now) => (decision.outcome === 'verify' && !decision.retired ? decision.factors : []);
  const ways = waysOf(now);
  const count = (is: boolean) => (is ? 1 : 0);
  return {
    people: effect.people + 1,
    asked: effect.asked + count(now.outcome === 'enrol' && then.outcome !== 'enrol'),
    later: effect.later + count(waits(now) && !waits(then)),
    deadlines: effect.deadlines + count(anew && before.graceUntil !== null && before.now < before.graceUntil),
    challenged: effect.challenged + count(now.outcome === 'verify' && then.outcome === 'satisfied'),
    letGo: effect.letGo + count(now.outcome === 'satisfied' && !waits(now) && then.outcome !== 'satisfied'),
    fewer: effect.fewer + count(ways.length > 0 && waysOf(then).some((way) => !ways.includes(way))),
    retired: effect.retired + count(isRetired(now) && !isRetired(then)),
    stranded: effect.stranded + count(now.outcome === 'blocked' && then.outcome !== 'blocked'),
  };
}
