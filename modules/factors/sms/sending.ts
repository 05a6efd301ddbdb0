import type { Request } from 'express';
import type { Mark } from '../../kernel/ports.ts';
import type { ChallengePurpose } from '../../kernel/sign-in.ts';
import { afterAnswer, afterSending, codeMinutes, isDue, newCode, type SentCode } from './codes.ts';
import type { Sender } from './guard/sender.ts';
import { numberOf, type Phone, type SmsHost } from './state.ts';
import { codeText } from './texts.ts';

/** What the factor's parts work with. */
export interface Sms {
  host: SmsHost;
  sender: Sender;
  /** Countries that messages may go to; 'all' is for development. */
  allowed: ReadonlySet<string> | 'all';
}

/** What a code is bound to, besides the phone: whose it is, of which sign-in, and what for (ASVS 6.6.2). */
export interface Question {
  personId: string;
  signInId: string;
  purpose: ChallengePurpose | 'setUp';
}

/** The hash that is stored of a code: keyed, so that the database alone does not give a million candidates away (SMS-3). */
export function hashOf(host: Pick<SmsHost, 'fingerprint'>, question: Question, phone: string, code: string): string {
  return host.fingerprint(['code', question.personId, question.signInId, question.purpose, phone, code].join('\u0000'));
}

/**
 * Sends a code where one is due, and stores what became of it. `store` is the compare-and-set of the question: of any
 * number of requests at once one passes it, and only that one sends. Never called by a GET.
 */
export async function sendCode(
  { host, sender }: Sms,
  req: Request,
  at: {
    question: Question;
    phone: Phone;
    before: SentCode | null;
    again: boolean;
    /** Counts the message where the question alone can't: the mark is given back where nothing left. */
    pace?: () => Promise<Mark>;
    store: (next: SentCode) => Promise<boolean>;
    /** Changes what is stored as it is by then, whoever changed it meanwhile. */
    update: (change: (sent: SentCode | null) => SentCode | null) => Promise<void>;
  },
): Promise<void> {
  const { question, phone } = at;
  const now = host.now();
  // A code that went to another number is none here.
  const before = at.before && (at.before.phone === phone.id ? at.before : { ...at.before, hash: null });
  if (!isDue(before, { again: at.again, now })) return;
  const number = numberOf(host, phone);
  if (number === null) return;
  const mark = at.pace ? await at.pace() : null;
  if (mark?.allowed === false) return;
  const code = newCode();
  const sending = afterSending(before, { hash: hashOf(host, question, phone.id, code), phone: phone.id, now });
  if (!(await at.store(sending))) {
    await mark?.giveBack();
    return;
  }
  const { numberKey: fingerprint, country } = phone.state;
  const answer = await sender.sendCode({
    person: host.person(req),
    number,
    fingerprint,
    country,
    address: host.addressOf(req),
    purpose: question.purpose,
    text: codeText({ t: host.translate(req), siteName: host.siteName, baseUrl: host.baseUrl() }, code),
    until: new Date(now.getTime() + codeMinutes * 60_000),
  });
  const nobodyHasIt = answer.outcome === 'failed' || answer.outcome === 'blocked';
  if (nobodyHasIt) await mark?.giveBack();
  await host.audit(req, nobodyHasIt ? 'not-sent' : 'sent', {
    outcome: nobodyHasIt ? 'failure' : 'success',
    reason: answer.outcome === 'blocked' ? answer.reason : answer.outcome,
  });
  await at.update((stored) => {
    // Tries that came in between are counted; a newer message, or another answer, is not overwritten.
    if (stored?.sentAt !== sending.sentAt || stored.outcome !== 'sending') return null;
    const next = afterAnswer({ ...sending, failures: stored.failures }, answer);
    return stored.hash === null && next.hash === sending.hash ? { ...next, hash: null } : next;
  });
}
