import { Schema } from 'mongoose';
import type { FactorHost } from '../../../kernel/factor.ts';
import { upserted } from './upserted.ts';
import { blockReasons, type BlockReason } from './limits.ts';
import { dayMs, startOf, utcDay } from './utc.ts';

/** What is counted of a country's messages. `sent` are those that left or may have, whatever became of them. */
export interface Figures {
  sent: number;
  failed: number;
  delivered: number;
  confirmed: number;
  blocked: Partial<Record<BlockReason, number>>;
}

interface FiguresRow extends Figures {
  /** Day and country. */
  _id: string;
  day: Date;
  country: string;
  expiresAt: Date;
}

export type FigureChange = Partial<
  Record<'sent' | 'failed' | 'delivered' | 'confirmed' | `blocked.${BlockReason}`, number>
>;

/** A year and a month: enough to compare a month with the same one of last year. */
const keptDays = 400;

/** Sums for each country and day (UTC), added to as things happen: a page of figures reads no list of messages. */
export function createFigures(host: Pick<FactorHost<unknown>, 'model' | 'now'>) {
  const count = { type: Number, default: 0 };
  const schema = new Schema<FiguresRow>({
    _id: { type: String, required: true },
    day: { type: Date, required: true },
    country: { type: String, required: true },
    sent: count,
    failed: count,
    delivered: count,
    confirmed: count,
    blocked: Object.fromEntries(blockReasons.map((reason) => [reason, { type: Number }])),
    expiresAt: { type: Date, required: true },
  });
  schema.index({ day: 1 });
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  const rows = host.model<FiguresRow>('figures', schema);

  return {
    async add(country: string, at: Date, change: FigureChange): Promise<void> {
      const day = startOf(at, dayMs);
      await upserted(() =>
        rows.updateOne(
          { _id: `${utcDay(at)} ${country}` },
          { $inc: change, $setOnInsert: { day, country, expiresAt: new Date(day.getTime() + keptDays * dayMs) } },
          { upsert: true, setDefaultsOnInsert: false },
        ),
      );
    },
    /** The sums of the last days, today included, by country. */
    async ofLastDays(days: number): Promise<Map<string, Figures>> {
      const from = new Date(startOf(host.now(), dayMs).getTime() - (days - 1) * dayMs);
      const sums = new Map<string, Figures>();
      for (const row of await rows.find({ day: { $gte: from } }).lean<Partial<FiguresRow>[]>()) {
        const sum = sums.get(row.country ?? '') ?? { sent: 0, failed: 0, delivered: 0, confirmed: 0, blocked: {} };
        for (const name of ['sent', 'failed', 'delivered', 'confirmed'] as const) sum[name] += row[name] ?? 0;
        for (const reason of blockReasons) {
          const more = row.blocked?.[reason] ?? 0;
          if (more > 0) sum.blocked[reason] = (sum.blocked[reason] ?? 0) + more;
        }
        sums.set(row.country ?? '', sum);
      }
      return sums;
    },
  };
}
