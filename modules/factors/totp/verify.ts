import { timingSafeEqual } from 'node:crypto';
import { generateSync } from 'otplib';

/** RFC 6238 5.2: the recommended step. */
export const stepSeconds = 30;

/** Steps accepted on each side of the server's own: one for slow typing, one for a clock that is a little fast (README, "The window"). */
export const windowSteps = 1;

/** How far a wrong clock is looked for, in steps: ten minutes on each side. */
const hintSteps = 20;

/** What an authenticator has used up: the last accepted step, and later ones that a hint spoke of. */
export interface UsedSteps {
  lastStep: number;
  hintedSteps: readonly number[];
}

export interface CodeCheck extends UsedSteps {
  secret: string;
  code: string;
  now: Date;
}

export type Verdict =
  | { outcome: 'right'; step: number }
  | { outcome: 'used' }
  /** The server's clock stands before the last accepted step. */
  | { outcome: 'clock-behind' }
  /** Not accepted, but right at another time: `offsetSteps` away, positive when the phone is fast. */
  | { outcome: 'clock-hint'; offsetSteps: number; matchedSteps: number[] }
  | { outcome: 'wrong' };

/** Reads what somebody typed as a code: six ASCII digits, with the spaces and dashes people put between them; null for all else. */
export function readCode(typed: unknown): string | null {
  // Repeated fields come as arrays and nested ones as objects; neither may reach the code check (ASVS 15.3.5).
  if (typeof typed !== 'string' || typed.length > 64) return null;
  const digits = typed.replace(/[ \u00a0\u2009\u202f-]/g, '');
  return /^[0-9]{6}$/.test(digits) ? digits : null;
}

/** The time step of a moment (RFC 6238 4.2). */
export function stepAt(moment: Date): number {
  return Math.floor(moment.getTime() / 1000 / stepSeconds);
}

/** Judges a code against one authenticator. Pure: whoever accepts the step must store it by compare-and-set before saying yes. */
export function checkCode(check: CodeCheck): Verdict {
  const nowStep = stepAt(check.now);
  // RFC 6238 5.2: every step in reach was used up already. Lowering the mark instead would open a replay.
  if (check.lastStep > nowStep + windowSteps) return { outcome: 'clock-behind' };
  const matched = matchingSteps(check, nowStep);
  const isFree = (step: number): boolean => step > check.lastStep && !check.hintedSteps.includes(step);
  const inWindow = matched.filter((step) => Math.abs(step - nowStep) <= windowSteps);
  const accepted = inWindow.filter(isFree);
  // Should two steps of the window share a code, the later one is taken, which uses up both.
  if (accepted.length > 0) return { outcome: 'right', step: Math.max(...accepted) };
  if (inWindow.length > 0) return { outcome: 'used' };
  const hinted = matched.filter((step) => isFree(step) && pointsAtClock(step - nowStep));
  const nearest = hinted.map((step) => step - nowStep).sort((a, b) => Math.abs(a) - Math.abs(b))[0];
  if (nearest === undefined) return { outcome: 'wrong' };
  return { outcome: 'clock-hint', offsetSteps: nearest, matchedSteps: hinted };
}

/** The steps that stay marked as hinted: those that could still be accepted or hinted at. Keeps the list short for good. */
export function keepHinted(steps: readonly number[], now: { lastStep: number; nowStep: number }): number[] {
  const reach = Math.max(now.lastStep, now.nowStep - hintSteps - 1);
  return [...new Set(steps)].filter((step) => step > reach).sort((a, b) => a - b);
}

/** An offset as the whole minutes a person is told; at least two, since less is within the window or slow typing. */
export function offsetMinutes(offsetSteps: number): number {
  return Math.max(2, Math.round((Math.abs(offsetSteps) * stepSeconds) / 60));
}

/** A code two steps old is what a slow typist sends; only from three on does it tell of a clock. Nobody types a code of the future. */
function pointsAtClock(offsetSteps: number): boolean {
  return offsetSteps <= -windowSteps - 2 || offsetSteps > windowSteps;
}

function matchingSteps(check: CodeCheck, nowStep: number): number[] {
  const matched: number[] = [];
  for (let step = Math.max(0, nowStep - hintSteps); step <= nowStep + hintSteps; step += 1) {
    // RFC 6238 4.2: TOTP is HOTP at the time step. otplib's own verify throws on marks beyond the window and cannot skip hinted steps.
    const expected = generateSync({ strategy: 'hotp', secret: check.secret, counter: step });
    // No early exit: the time taken tells nothing about which step matched.
    if (timingSafeEqual(Buffer.from(expected), Buffer.from(check.code))) matched.push(step);
  }
  return matched;
}
