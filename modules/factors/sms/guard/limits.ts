import type { FactorHost } from '../../../kernel/factor.ts';
import type { Limit } from './counters.ts';
import { prefixOf } from './number-parts.ts';
import type { GuardSettings, Pace } from './settings.ts';
import { dayMs, hourMs, nextStart, startOf, utcDay } from './utc.ts';

/** What a code is for; a notice is none. */
export type TextPurpose = 'signIn' | 'stepUp' | 'disable' | 'setUp' | 'notice';

/** Why the guard lets nothing leave. */
export const blockReasons = [
  'country',
  'stopped',
  'budget',
  'failing',
  'person',
  'number',
  'address',
  'prefix',
  'countryLimit',
] as const;
export type BlockReason = (typeof blockReasons)[number];

/** Who is to get a message, and who asks for it. */
export interface Recipient {
  personId: string;
  /** E.164. */
  number: string;
  /** The keyed fingerprint of the number. */
  fingerprint: string;
  /** ISO code. */
  country: string;
  /** What the asking visitor's address is counted by; null where nobody asks. */
  address: string | null;
  purpose: TextPurpose;
}

export interface NamedLimit extends Limit {
  reason: BlockReason;
  /** Given back when the code comes back. */
  unconfirmed: boolean;
}

/** Nobody gets what failed any sooner by asking a gateway again and again, which may be paid for each time. */
const patience = { most: 6, window: { seconds: 600 } };

/**
 * Texts that tell somebody what happened to their number. The first always leaves: these have no counter with codes, nor with other
 * people's accounts, so that nobody fills one first to keep the owner of a number from hearing that it guards nothing any more (SMS-7).
 */
const notices: Pace = { hour: 5, day: 10 };

/** Attempts of a person of which nothing left: counted before, given back once a message left. Not for a notice, which nobody presses. */
export function patienceOf(who: Recipient, host: Pick<FactorHost<unknown>, 'fingerprint'>): NamedLimit[] {
  const id = host.fingerprint(JSON.stringify(['limit', 'failing', who.personId]));
  return [{ ...patience, id, reason: 'failing', unconfirmed: false }];
}

/** The id of the portal's counter of a day. */
export function budgetId(now: Date): string {
  return `portal ${utcDay(now)}`;
}

/**
 * Every ceiling of one message, in the order of counting: what one person can fill comes first, so that nobody's refused messages ever
 * stand in the way of others in the counters that all share. The day before the hour: its end is the later one to be told.
 */
export function limitsOf(
  who: Recipient,
  settings: GuardSettings,
  host: Pick<FactorHost<unknown>, 'now' | 'fingerprint'>,
): NamedLimit[] {
  const now = host.now();
  const sliding = (reason: BlockReason, subject: string, pace: Pace, unconfirmed: boolean): NamedLimit[] =>
    [pace.day, pace.hour].map((most, index) => ({
      reason,
      unconfirmed,
      most,
      // Keyed: the database alone tells neither numbers nor addresses.
      id: host.fingerprint(JSON.stringify(['limit', reason, subject, unconfirmed, index])),
      window: { seconds: index === 0 ? 86_400 : 3600 },
    }));
  if (who.purpose === 'notice') return sliding('number', `notice ${who.personId} ${who.fingerprint}`, notices, false);
  // Anybody may give a stranger's number, or one like it, as theirs: what set-ups use up is never missing where a verified number signs in.
  const isSetUp = who.purpose === 'setUp';
  const number = isSetUp ? `set-up ${who.fingerprint}` : who.fingerprint;
  return [
    ...sliding('person', who.personId, settings.unconfirmed, true),
    ...sliding('person', who.personId, settings.messages, false),
    ...patienceOf(who, host),
    ...sliding('number', number, settings.unconfirmed, true),
    ...sliding('number', number, settings.messages, false),
    ...(who.address !== null ? sliding('address', who.address, settings.address, true) : []),
    ...(isSetUp ? sliding('prefix', prefixOf(who.number, who.country), settings.prefix, true) : []),
    ...shared(who.country, settings, now),
  ];
}

/** Counted by the clock, not in windows: hundreds of marks in one document would cost every message. */
function shared(country: string, settings: GuardSettings, now: Date): NamedLimit[] {
  const day = nextStart(now, dayMs);
  const hour = nextStart(now, hourMs);
  return [
    { reason: 'countryLimit', id: `${country} ${utcDay(now)}`, most: settings.country.day, window: { until: day } },
    {
      reason: 'countryLimit',
      id: `${country} ${startOf(now, hourMs).toISOString().slice(0, 13)}`,
      most: settings.country.hour,
      window: { until: hour },
    },
    { reason: 'budget', id: budgetId(now), most: settings.budget, window: { until: day } },
  ].map((limit) => ({ ...limit, unconfirmed: false })) as NamedLimit[];
}
