import { randomInt } from 'node:crypto';
import type { BlockReason } from './guard/limits.ts';
import { isSame } from './same.ts';

/** A code is worth something for so long (ASVS 6.5.5 allows ten minutes). */
export const codeMinutes = 5;

/** Wrong tries over all codes of one question; a new code does not bring new ones (SMS-1, RL-2). */
export const triesPerQuestion = 5;

const firstWaitMs = 60_000;

/** What became of the last message. `failed` and `blocked`: none is on its way. */
export type SendOutcome = 'sending' | 'sent' | 'late' | 'unknown' | 'failed' | 'blocked';

/** The one active code of a question, and what was sent for it so far. Kept in the sign-in's challenge, or in a running set-up. */
export interface SentCode {
  /** Keyed, and bound to person, question and phone; null once it is used or was not sent. */
  hash: string | null;
  /** Milliseconds since 1970. */
  sentAt: number;
  expiresAt: number;
  /** How many messages left, or may have. */
  sends: number;
  failures: number;
  outcome: SendOutcome;
  /** Why none was sent. */
  reason: BlockReason | null;
  /** When the guard lets another one leave; null: it did not say. */
  retryAt: number | null;
  messageId: string | null;
  /** The enrolment whose number it went to. */
  phone: string;
  /** The code that was live before: it lives on where no newer one left. */
  earlier: Pick<SentCode, 'hash' | 'expiresAt' | 'messageId'> | null;
}

/** Six digits, leading zeros kept, each equally likely (NIST SP 800-63B-4 3.1.3.2). */
export function newCode(): string {
  return String(randomInt(1_000_000)).padStart(6, '0');
}

/** Reads what somebody typed as a code: six digits, with the spaces and dashes people put between them; null for all else. */
export function readCode(typed: unknown): string | null {
  if (typeof typed !== 'string' || typed.length > 64) return null;
  const digits = typed.replace(/[ \u00a0\u2009\u202f-]/g, '');
  return /^[0-9]{6}$/.test(digits) ? digits : null;
}

/** A code that came may be waited for, or tried. */
export function isLive(sent: SentCode, now: Date): boolean {
  return sent.hash !== null && now.getTime() < sent.expiresAt && sent.failures < triesPerQuestion;
}

/** When another message may be asked for: a minute after the first, then twice as long each time. One that failed may be repeated at once. */
export function nextAt(sent: SentCode): number {
  if (sent.outcome === 'blocked') return sent.retryAt ?? sent.sentAt;
  if (sent.sends === 0 || sent.outcome === 'failed') return sent.sentAt;
  return sent.sentAt + firstWaitMs * 2 ** Math.min(sent.sends - 1, 10);
}

/** Whether a message is to leave now: once by itself where none is on its way, and again where somebody asks and has waited. */
export function isDue(sent: SentCode | null, options: { again: boolean; now: Date }): boolean {
  if (sent === null) return true;
  if (sent.failures >= triesPerQuestion || options.now.getTime() < nextAt(sent)) return false;
  return options.again || !isLive(sent, options.now);
}

/** The state once a message is about to leave; the older code is dead from then on. */
export function afterSending(
  before: SentCode | null,
  next: { hash: string; phone: string; now: Date },
): SentCode & { hash: string } {
  const sentAt = next.now.getTime();
  return {
    hash: next.hash,
    sentAt,
    expiresAt: sentAt + codeMinutes * 60_000,
    sends: (before?.sends ?? 0) + 1,
    failures: before?.failures ?? 0,
    outcome: 'sending',
    reason: null,
    retryAt: null,
    messageId: null,
    phone: next.phone,
    earlier: before?.phone === next.phone ? pick(before) : null,
  };
}

const pick = ({ hash, expiresAt, messageId }: SentCode) => ({ hash, expiresAt, messageId });

/** What a set-up keeps where its number is saved anew: the waits always, the wrong tries for the same number. */
export function carriedOver(sent: SentCode | null, isSameNumber: boolean): SentCode | null {
  if (sent === null) return null;
  return { ...sent, hash: null, earlier: null, failures: isSameNumber ? sent.failures : 0 };
}

/** The state once it is known what became of the message: one that nobody got is no code, and is not counted. */
export function afterAnswer(
  sending: SentCode,
  answer: { outcome: SendOutcome; reason?: BlockReason; retryAt?: Date | null; messageId?: string },
): SentCode {
  const nobodyHasIt = answer.outcome === 'failed' || answer.outcome === 'blocked';
  return {
    ...sending,
    messageId: answer.messageId ?? null,
    // What a person holds in their hand is not taken from them for a message that never left.
    ...(nobodyHasIt ? { hash: null, ...sending.earlier, sends: sending.sends - 1 } : {}),
    earlier: null,
    outcome: answer.outcome,
    reason: answer.reason ?? null,
    retryAt: answer.retryAt?.getTime() ?? null,
  };
}

export type Verdict = 'right' | 'wrong' | 'used-up' | 'over';

/** Judges a code, and gives the state to store before the verdict counts: whoever stores it first is the only one to win. */
export function judge(
  sent: SentCode | null,
  given: { hash: string; now: Date },
): { verdict: Verdict; next: SentCode | null } {
  if (sent === null) return { verdict: 'over', next: null };
  if (sent.failures >= triesPerQuestion) return { verdict: 'used-up', next: null };
  if (!isLive(sent, given.now) || sent.hash === null) return { verdict: 'over', next: null };
  if (isSame(sent.hash, given.hash)) return { verdict: 'right', next: { ...sent, hash: null } };
  return { verdict: 'wrong', next: { ...sent, failures: sent.failures + 1 } };
}
