import type { Request } from 'express';
import passport from 'passport';
import type { MessageParams } from '../../kernel/errors.ts';
import type { Translate } from '../../kernel/ports.ts';
import { isLive, judge, nextAt, readCode, triesPerQuestion, type SendOutcome, type SentCode } from './codes.ts';
import type { BlockReason } from './guard/limits.ts';
import { hashOf, sendCode, type Question, type Sms } from './sending.ts';
import { activePhone } from './set-up.ts';

/** Sends the code of a question, in the POST that asks it; again only where somebody asked for that, and waited. */
export async function beginChallenge(sms: Sms, req: Request): Promise<void> {
  const { host } = sms;
  const { person, purpose, signInId } = host.asked(req);
  const phone = await activePhone(host, person.id);
  if (!phone) return;
  await sendCode(sms, req, {
    question: { personId: person.id, signInId, purpose },
    phone,
    before: host.challenge.read(req) as SentCode | null,
    again: typed(req, 'begin') === 'yes',
    store: (next) => host.challenge.swap(req, next),
    update: (change) => host.challenge.update(req, (stored) => change(stored as SentCode | null)),
  });
}

/** What the challenge page says of the message, and the button for another one. */
export async function describeChallenge(
  sms: Sms,
  req: Request,
): Promise<{ locals: object; again: { label: string; hint?: string } | null }> {
  const { host } = sms;
  const phone = await activePhone(host, host.person(req).id);
  const sent = host.challenge.read(req) as SentCode | null;
  return describe(sms, req, { sent, masked: phone?.state.masked ?? '' });
}

/** The words for what became of a message, wherever they are shown. */
export function describe(
  { host }: Sms,
  req: Request,
  at: { sent: SentCode | null; masked: string },
): {
  locals: { state: { key: string; params: MessageParams; isFault: boolean } };
  again: { label: string; hint?: string } | null;
} {
  const t = host.translate(req);
  const now = host.now();
  const { sent, masked } = at;
  const state = (key: string, isFault: boolean, params: MessageParams = {}) => ({
    locals: { state: { key, params: { number: masked, ...params }, isFault } },
  });
  if (sent === null) return { ...state('sms.sent.none', false), again: { label: t('sms.sent.first') } };
  if (sent.failures >= triesPerQuestion) return { ...state('sms.sent.usedUp', true), again: null };
  const wait = Math.ceil((nextAt(sent) - now.getTime()) / 1000);
  const again = {
    label: t('sms.sent.again'),
    ...(wait > 0 ? { hint: waitText(t, wait) } : {}),
  };
  if (sent.outcome === 'blocked') return { ...state(blockedTexts[sent.reason ?? 'stopped'], true), again };
  if (sent.outcome === 'failed') return { ...state('sms.sent.failed', true), again };
  if (!isLive(sent, now)) return { ...state('sms.sent.over', true), again };
  return { ...state(sentTexts[sent.outcome], sent.outcome === 'unknown'), again };
}

const sentTexts: Readonly<Record<SendOutcome, string>> = {
  sending: 'sms.sent.sending',
  sent: 'sms.sent.sent',
  late: 'sms.sent.late',
  unknown: 'sms.sent.unknown',
  failed: 'sms.sent.failed',
  blocked: 'sms.blocked.stopped',
};

const blockedTexts: Readonly<Record<BlockReason, string>> = {
  country: 'sms.blocked.country',
  stopped: 'sms.blocked.stopped',
  budget: 'sms.blocked.budget',
  failing: 'sms.blocked.failing',
  person: 'sms.blocked.person',
  number: 'sms.blocked.number',
  address: 'sms.blocked.address',
  prefix: 'sms.blocked.prefix',
  countryLimit: 'sms.blocked.countryLimit',
};

/** How long to wait for the next message. */
export function waitText(t: Translate, seconds: number): string {
  if (seconds <= 90) return t('sms.sent.wait', { seconds });
  if (seconds <= 90 * 60) return t('sms.sent.waitMinutes', { minutes: Math.ceil(seconds / 60) });
  return t('sms.sent.waitHours', { hours: Math.ceil(seconds / 3600) });
}

/** Asks for the code that was sent for this very question. Stateless, shared by concurrent requests; never touches the session. */
export class SmsStrategy extends passport.Strategy {
  private readonly sms: Sms;

  constructor(sms: Sms) {
    super();
    this.sms = sms;
  }

  override authenticate(req: Request): void {
    this.settle(req).catch((error: unknown) => {
      this.error(error);
    });
  }

  private async settle(req: Request): Promise<void> {
    const { host, sender } = this.sms;
    const { person, purpose, signInId } = host.asked(req);
    const sent = host.challenge.read(req) as SentCode | null;
    const phone = await activePhone(host, person.id);
    const refusal = await checkCode(this.sms, {
      question: { personId: person.id, signInId, purpose },
      // A number that was changed since: what went to the old one proves nothing any more.
      sent: phone && sent?.phone === phone.id ? sent : null,
      typed: typed(req, 'code'),
      store: (next) => host.challenge.swap(req, next),
    });
    if (refusal !== null || !phone) {
      this.fail({ key: refusal ?? 'sms.refused.over' });
      return;
    }
    await host.enrolments.swap(phone, phone.state, { used: true });
    if (sent?.messageId) await sender.confirmed(sent.messageId);
    this.success(person);
  }
}

/** Null: the code is right, and used up. Else why not, as a text's key. */
export async function checkCode(
  { host }: Sms,
  at: { question: Question; sent: SentCode | null; typed: unknown; store(next: SentCode): Promise<boolean> },
): Promise<string | null> {
  const code = readCode(at.typed);
  const hash = hashOf(host, at.question, at.sent?.phone ?? '', code ?? '');
  const { verdict, next } = judge(at.sent, { hash, now: host.now() });
  if (verdict === 'over') return 'sms.refused.over';
  if (verdict === 'used-up') return 'sms.refused.usedUp';
  // What has not the form of a code is no guess.
  if (code === null || next === null) return 'sms.refused.code';
  // Stored before it counts (ASVS 15.4.2): of twenty requests one gets past this, right or wrong; a guess that is not counted is not told.
  if (!(await at.store(next))) return 'sms.refused.code';
  if (verdict === 'right') return null;
  return next.failures >= triesPerQuestion ? 'sms.refused.usedUp' : 'sms.refused.code';
}

/** One plain field of a form; repeated ones come as arrays, and are none (ASVS 15.3.5). */
export function typed(req: Request, name: string): unknown {
  const body: unknown = req.body;
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name) ? Reflect.get(body, name) : undefined;
}
