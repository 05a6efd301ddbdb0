import { randomUUID } from 'node:crypto';
import { Schema } from 'mongoose';
import { createAlerts } from './alerts.ts';
import { createCounters } from './counters.ts';
import type { GuardHost } from './guard-host.ts';
import { budgetId, limitsOf, patienceOf, type BlockReason, type NamedLimit, type Recipient } from './limits.ts';
import type { GuardSettings } from './settings.ts';
import { createSwitches, type Stop } from './switches.ts';
import { dayMs, nextStart } from './utc.ts';
import { createTallies, looksPumped } from './watch.ts';

/** What one message was counted in. Neither called: it stays counted, and is nobody's. */
export interface Charge {
  /** It left, or may have: it stays counted, and a code that comes back finds its marks under this id. */
  keep(messageId: string): Promise<void>;
  /** It certainly did not leave: nothing stays counted but that an attempt failed. */
  giveBack(): Promise<void>;
}

export type Taken = { allowed: true; charge: Charge } | { allowed: false; reason: BlockReason; retryAt: Date | null };

interface ChargeRow {
  /** The message's id. */
  _id: string;
  mark: string;
  counters: string[];
  country: string;
  at: Date;
  expiresAt: Date;
}

function chargesOf(host: GuardHost) {
  const schema = new Schema<ChargeRow>({
    _id: { type: String, required: true },
    mark: { type: String, required: true },
    counters: { type: [String], required: true },
    country: { type: String, required: true },
    at: { type: Date, required: true },
    expiresAt: { type: Date, required: true },
  });
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  return host.model<ChargeRow>('charges', schema);
}

/**
 * Stands before every text message (SMS-5, ASVS 2.4.1): each costs money, and there are ranges of numbers that pay whoever has them
 * filled. All of it is in the database: it holds over processes and restarts, and a burst passes no ceiling.
 */
export function createGuard(host: GuardHost, settings: GuardSettings) {
  const counters = createCounters(host);
  const switches = createSwitches(host);
  const tallies = createTallies(host);
  const charges = chargesOf(host);
  const alerts = createAlerts(host, counters);

  async function watch(country: string): Promise<void> {
    const share = await tallies.share(country, await switches.resumedAt(country));
    if (!looksPumped(share, settings.confirmedShare)) return;
    if (settings.pumping === 'record') await alerts.pumpingSuspected({ country, ...share });
    else if (await switches.stop({ country, why: 'unconfirmed', by: null, reason: null }))
      await alerts.countryStopped({ country, ...share });
  }

  function chargeOf(who: Recipient, limits: readonly NamedLimit[], mark: string): Charge {
    const at = host.now();
    return {
      async keep(messageId) {
        if (who.purpose === 'notice') return;
        await counters.giveBack(patienceOf(who, host), mark);
        await charges.insertMany([
          {
            _id: messageId,
            mark,
            counters: limits.filter(({ unconfirmed }) => unconfirmed).map(({ id }) => id),
            country: who.country,
            at,
            expiresAt: new Date(at.getTime() + 2 * dayMs),
          },
        ]);
        await tallies.sent(who.country, at);
        await watch(who.country);
      },
      giveBack: () =>
        counters.giveBack(
          [...limits].reverse().filter(({ reason }) => reason !== 'failing'),
          mark,
        ),
    };
  }

  /** Why nothing leaves, whatever was counted. A notice is told once, and waits out a stop in the outbox; its number's country was listed when it was verified. */
  async function closedTo({ purpose, country }: Recipient): Promise<'country' | 'stopped' | null> {
    if (purpose === 'notice') return null;
    if (settings.countries !== 'all' && !settings.countries.has(country)) return 'country';
    return (await switches.isStopped(country)) ? 'stopped' : null;
  }

  return {
    /** ISO codes of the countries that messages may go to. */
    countries: settings.countries,
    /** Counts a message in every ceiling, or refuses it and counts it in none. */
    async take(who: Recipient): Promise<Taken> {
      const closed = await closedTo(who);
      const mark = randomUUID();
      // Whoever is told no moment may ask at once again: that too is counted, and comes to an end for a while.
      const limits = closed === null ? limitsOf(who, settings, host) : patienceOf(who, host);
      const full = (await counters.take(limits, mark)) as NamedLimit | null;
      if (full === null && closed !== null) return { allowed: false, reason: closed, retryAt: null };
      if (full === null) return { allowed: true, charge: chargeOf(who, limits, mark) };
      if (full.reason === 'budget') await alerts.budgetUsedUp(settings.budget);
      return { allowed: false, reason: full.reason, retryAt: await counters.freeAt(full) };
    },
    /** The code of a message came back: it no longer counts as unconfirmed. Once, in whichever process. */
    async confirmed(messageId: string): Promise<void> {
      const charge = await charges.findOneAndDelete({ _id: messageId }).lean<ChargeRow>();
      if (!charge) return;
      await counters.forget(charge.counters, charge.mark);
      await tallies.confirmed(charge.country, charge.at);
    },
    /** By staff; what follows for the audit is the caller's. False: it was so already. */
    stop: (stop: { country: string | null; by: string; reason: string }) => switches.stop({ ...stop, why: 'staff' }),
    resume: (resumption: { country: string | null; by: string; reason: string }) => switches.resume(resumption),
    /** Null: a number of no country, which only a stop of everything stops. */
    isStopped: (country: string | null) => switches.isStopped(country),
    async state(): Promise<GuardState> {
      const now = host.now();
      const [stops, used] = await Promise.all([switches.list(), counters.read(budgetId(now))]);
      return { stops, budget: { used, most: settings.budget, until: nextStart(now, dayMs) } };
    },
  };
}

/** The guard as staff see it. */
export interface GuardState {
  stops: Stop[];
  budget: { used: number; most: number; until: Date };
}

export type Guard = ReturnType<typeof createGuard>;
