import type { Request, Response } from 'express';
import type { FactorHost } from '../../../kernel/factor.ts';
import type { Translate } from '../../../kernel/ports.ts';
import type { LedgerEntry } from '../guard/ledger.ts';
import type { MessageState } from '../guard/ledger-model.ts';
import type { BlockReason, TextPurpose } from '../guard/limits.ts';

const stateKeys: Record<MessageState, string> = {
  queued: 'sms.state.queued',
  accepted: 'sms.state.accepted',
  late: 'sms.state.late',
  delivered: 'sms.state.delivered',
  undelivered: 'sms.state.undelivered',
  refused: 'sms.state.refused',
  unknown: 'sms.state.unknown',
  withdrawn: 'sms.state.withdrawn',
  blocked: 'sms.state.blocked',
};

const purposeKeys: Record<TextPurpose, string> = {
  signIn: 'sms.purpose.signIn',
  stepUp: 'sms.purpose.stepUp',
  disable: 'sms.purpose.disable',
  setUp: 'sms.purpose.setUp',
  notice: 'sms.purpose.notice',
};

const reasonKeys: Record<BlockReason, string> = {
  country: 'sms.reason.country',
  stopped: 'sms.reason.stopped',
  budget: 'sms.reason.budget',
  failing: 'sms.reason.failing',
  person: 'sms.reason.person',
  number: 'sms.reason.number',
  address: 'sms.reason.address',
  prefix: 'sms.reason.prefix',
  countryLimit: 'sms.reason.countryLimit',
};

/** What stands where nothing is known. */
export const nothing = '–';

/** Numbers, countries and words in the reader's language. */
export interface Words {
  t: Translate;
  lang: string;
  /** A country's name. */
  country: (code: string) => string;
  count: (number: number) => string;
}

const regionNames = new Map<string, Intl.DisplayNames>();

function wordsIn(lang: string, t: Translate): Words {
  let regions = regionNames.get(lang);
  if (!regions) regionNames.set(lang, (regions = new Intl.DisplayNames([lang], { type: 'region' })));
  return {
    t,
    lang,
    country: (code) => regions.of(code) ?? code,
    count: (number) => number.toLocaleString(lang === 'en' ? 'en-GB' : lang),
  };
}

/** The words of the page that answers a request. */
export function wordsOf(host: Pick<FactorHost<unknown>, 'translate'>, req: Request, res: Response): Words {
  const { lang = 'en' } = res.locals as { lang?: string };
  return wordsIn(lang, host.translate(req));
}

/** What became of a message, and what more there is to say of it. */
export function stateWords(entry: LedgerEntry, { t, count }: Words): { text: string; quiet?: string } {
  const more = [
    entry.reason && t(reasonKeys[entry.reason]),
    entry.times > 1 && t('sms.messages.times', { count: count(entry.times) }),
    entry.confirmedAt && t('sms.messages.confirmed'),
    entry.fault,
  ].filter((one) => typeof one === 'string');
  return { text: t(stateKeys[entry.state]), ...(more.length > 0 ? { quiet: more.join(' · ') } : {}) };
}

/** What a message was for. */
export function purposeWords(purpose: TextPurpose | null, t: Translate): string {
  return purpose === null ? nothing : t(purposeKeys[purpose]);
}

/** How many were refused why, in one line. */
export function reasonsWords(blocked: Partial<Record<BlockReason, number>>, { t, count }: Words): string {
  return Object.entries(blocked)
    .map(([reason, number]) => `${t(reasonKeys[reason as BlockReason])}: ${count(number)}`)
    .join(' · ');
}

/** A sentence once something was done; null for what nobody does. */
export function doneWords(done: unknown, t: Translate): string | null {
  if (done === 'stopped') return t('sms.done.stopped');
  if (done === 'resumed') return t('sms.done.resumed');
  return done === 'prices' ? t('sms.done.prices') : null;
}
