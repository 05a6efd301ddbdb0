import type { Facts } from './decide.ts';
import { decide } from './decide.ts';

/** What a change of policy does to people, counted. */
export interface PolicyEffect {
  people: number;
  /** Asked to set a factor up at their next sign-in, and were not before. */
  asked: number;
  /** Asked for a code of the factor they have, and were not before. */
  challenged: number;
  /** Asked for nothing any more. */
  letGo: number;
  /** Their factor is switched off: asked for it once more. */
  retired: number;
  /** Can't get in any more without help. */
  stranded: number;
}

export const noEffect: PolicyEffect = { people: 0, asked: 0, challenged: 0, letGo: 0, retired: 0, stranded: 0 };

/** Adds what a change means for one person. Pure. */
export function addEffect(effect: PolicyEffect, before: Facts, after: Facts): PolicyEffect {
  const [then, now] = [decide(before), decide(after)];
  const isRetired = (decision: typeof now) => decision.outcome === 'verify' && decision.retired;
  const count = (is: boolean) => (is ? 1 : 0);
  return {
    people: effect.people + 1,
    asked: effect.asked + count(now.outcome === 'enrol' && then.outcome !== 'enrol'),
    challenged: effect.challenged + count(now.outcome === 'verify' && then.outcome === 'satisfied'),
    letGo: effect.letGo + count(now.outcome === 'satisfied' && then.outcome !== 'satisfied'),
    retired: effect.retired + count(isRetired(now) && !isRetired(then)),
    stranded: effect.stranded + count(now.outcome === 'blocked' && then.outcome !== 'blocked'),
  };
}
