import { Schema } from 'mongoose';
import { keepHinted, stepAt } from './verify.ts';

/** The private half of an enrolment of this factor. */
export interface TotpState {
  /** The base32 secret, sealed to this enrolment and person (RFC 6238 5.1, ASVS 11.3.2). */
  sealedSecret: string;
  /** The high-water mark: codes of this step and of all before it are used up (RFC 6238 5.2). */
  lastStep: number;
  /** Steps whose code was hinted at; never accepted, so that the hint tells nothing of use. */
  hintedSteps: number[];
  /** A code of it was right; where turning on is a step of its own, that is still to come. */
  verified: boolean;
}

/** How an enrolment's private half is stored. */
export const totpState = new Schema<TotpState>(
  {
    sealedSecret: { type: String, required: true },
    lastStep: { type: Number, required: true, default: -1 },
    hintedSteps: { type: [Number], default: [] },
    verified: { type: Boolean, default: false },
  },
  { _id: false, strict: 'throw' },
);

/** The state of an authenticator that has shown no code yet. */
export function unusedState(sealedSecret: string): TotpState {
  return { sealedSecret, lastStep: -1, hintedSteps: [], verified: false };
}

/** The state after a code was accepted: its step, and every older one, is used up (RFC 6238 5.2). */
export function stateAfterUse(state: TotpState, use: { step: number; sealedSecret: string; now: Date }): TotpState {
  const hintedSteps = keepHinted(state.hintedSteps, { lastStep: use.step, nowStep: stepAt(use.now) });
  return { sealedSecret: use.sealedSecret, lastStep: use.step, hintedSteps, verified: true };
}

/** The state after a hint: the steps it spoke of will not be accepted when their time comes. */
export function stateAfterHint(state: TotpState, hint: { steps: readonly number[]; now: Date }): TotpState {
  const marks = { lastStep: state.lastStep, nowStep: stepAt(hint.now) };
  return { ...state, hintedSteps: keepHinted([...state.hintedSteps, ...hint.steps], marks) };
}
