import { Schema } from 'mongoose';
import type { FactorHost } from '../../../kernel/factor.ts';
import { upserted } from './upserted.ts';
import { dayMs, hourMs, minuteMs, startOf } from './utc.ts';

interface TallyRow {
  /** Country and hour. */
  _id: string;
  country: string;
  hour: Date;
  /** By minute of the hour. */
  minutes: Record<string, { sent?: number; confirmed?: number }>;
  expiresAt: Date;
}

/** A code takes a person a while: younger messages say nothing yet. */
const graceMs = 10 * minuteMs;

/** With fewer, the share is chance. */
const fewest = 20;

/** How a country's codes came back in the last day. */
export interface Share {
  sent: number;
  confirmed: number;
}

/** Counts, for each country and minute, how many codes left and how many of these came back. A day of a country is 25 documents to read. */
export function createTallies(host: Pick<FactorHost<unknown>, 'model' | 'now'>) {
  const schema = new Schema<TallyRow>({
    _id: { type: String, required: true },
    country: { type: String, required: true },
    hour: { type: Date, required: true },
    minutes: { type: Schema.Types.Mixed, required: true },
    expiresAt: { type: Date, required: true },
  });
  schema.index({ country: 1, hour: 1 });
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  const rows = host.model<TallyRow>('tallies', schema);

  async function count(what: 'sent' | 'confirmed', country: string, at: Date): Promise<void> {
    const hour = startOf(at, hourMs);
    await upserted(() =>
      rows.updateOne(
        { _id: `${country} ${hour.toISOString().slice(0, 13)}` },
        {
          $inc: { [`minutes.${at.getUTCMinutes()}.${what}`]: 1 },
          $setOnInsert: { country, hour, expiresAt: new Date(hour.getTime() + 2 * dayMs) },
        },
        { upsert: true },
      ),
    );
  }

  return {
    sent: (country: string, at: Date) => count('sent', country, at),
    /** `at`: when the message left, not when its code came back. */
    confirmed: (country: string, at: Date) => count('confirmed', country, at),
    /** The last day without its last ten minutes; only what left after `since`. */
    async share(country: string, since: Date | null): Promise<Share> {
      const until = host.now().getTime() - graceMs;
      const from = Math.max(host.now().getTime() - dayMs, since?.getTime() ?? 0);
      const hours = await rows
        .find({ country, hour: { $gte: startOf(new Date(from), hourMs), $lte: new Date(until) } })
        .lean<TallyRow[]>();
      const share = { sent: 0, confirmed: 0 };
      for (const { hour, minutes } of hours)
        for (const [minute, { sent = 0, confirmed = 0 }] of Object.entries(minutes)) {
          const start = hour.getTime() + Number(minute) * minuteMs;
          if (start < from || start + minuteMs > until) continue;
          share.sent += sent;
          share.confirmed += confirmed;
        }
      return share;
    },
  };
}

/** True where so few codes come back that somebody seems to be paid for messages instead of signing in. */
export function looksPumped({ sent, confirmed }: Share, leastPercent: number): boolean {
  return sent >= fewest && confirmed * 100 < leastPercent * sent;
}
