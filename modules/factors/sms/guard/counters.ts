import { mongo, Schema } from 'mongoose';
import type { FactorHost } from '../../../kernel/factor.ts';
import { isDuplicateKey } from '../../../kernel/duplicate-key.ts';

interface CounterRow {
  _id: string;
  /** A sliding one's marks, oldest first. */
  recent?: { at: Date; mark: string }[];
  /** A plain one's count. */
  count?: number;
  expiresAt: Date;
}

/** At most so many: in any window of so many seconds, or until a moment at which a counter of another id begins. */
export interface Limit {
  id: string;
  most: number;
  window: { seconds: number } | { until: Date };
}

/**
 * Counts in the database, each in one conditional write, so that neither another process nor a restart lets more through. The portal's
 * throttle gives a mark back only where it was taken; these are named by ids, so that a code given back an hour later, in another
 * process, still frees its place.
 */
export function createCounters(host: Pick<FactorHost<unknown>, 'model' | 'now'>) {
  const schema = new Schema<CounterRow>({
    _id: { type: String, required: true },
    recent: { type: [{ _id: false, at: Date, mark: String }], default: undefined },
    count: { type: Number, default: undefined },
    expiresAt: { type: Date, required: true },
  });
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  const rows = host.model<CounterRow>('counters', schema);

  function counting({ id, most, window }: Limit, mark: string) {
    const now = host.now();
    const full = `recent.${most - 1}`;
    if ('until' in window)
      return {
        filter: { _id: id, count: { $lt: most } },
        update: { $inc: { count: 1 }, $max: { expiresAt: new Date(window.until.getTime() + 3_600_000) } },
        upsert: true as const,
      };
    const windowMs = window.seconds * 1000;
    return {
      filter: {
        _id: id,
        $or: [{ [full]: { $exists: false } }, { 'recent.0.at': { $lte: new Date(now.getTime() - windowMs) } }],
      },
      update: {
        $push: { recent: { $each: [{ at: now, mark }], $slice: -most } },
        $max: { expiresAt: new Date(now.getTime() + windowMs) },
      },
      upsert: true as const,
    };
  }

  /** How many were counted, in order, before the first that was not. */
  async function countInOrder(limits: readonly Limit[], mark: string): Promise<number> {
    try {
      // Without mongoose: there is nothing to cast, and one round trip counts them all.
      await rows.collection.bulkWrite(
        limits.map((limit) => ({ updateOne: counting(limit, mark) })) as unknown as mongo.AnyBulkWriteOperation[],
        { ordered: true },
      );
      return limits.length;
    } catch (error) {
      if (error instanceof mongo.MongoBulkWriteError && isDuplicateKey(error)) {
        const [refused] = [error.writeErrors].flat();
        if (refused) return refused.index;
      }
      throw error;
    }
  }

  async function giveBack(limits: readonly Limit[], mark: string): Promise<void> {
    if (limits.length === 0) return;
    const undoing = limits.map(({ id, window }) =>
      'until' in window
        ? { filter: { _id: id, count: { $gt: 0 } }, update: { $inc: { count: -1 } } }
        : { filter: { _id: id }, update: { $pull: { recent: { mark } } } },
    );
    await rows.collection.bulkWrite(
      undoing.map((updateOne) => ({ updateOne })) as unknown as mongo.AnyBulkWriteOperation[],
      { ordered: false },
    );
  }

  return {
    /** Counts in all of them, or in none: gives the first that is full. */
    async take(limits: readonly Limit[], mark: string): Promise<Limit | null> {
      let taken = 0;
      while (taken < limits.length) {
        taken += await countInOrder(limits.slice(taken), mark);
        const next = limits[taken];
        if (!next) break;
        // A duplicate key is either "full" or two first ones at once: the second attempt tells which.
        if ((await countInOrder([next], mark)) === 0) {
          await giveBack(limits.slice(0, taken).reverse(), mark);
          return next;
        }
        taken += 1;
      }
      return null;
    },
    giveBack,
    /** Takes one message's marks out of sliding counters, whoever counted them. */
    async forget(ids: readonly string[], mark: string): Promise<void> {
      if (ids.length > 0) await rows.updateMany({ _id: { $in: ids } }, { $pull: { recent: { mark } } });
    },
    /** What a plain counter has. */
    async read(id: string): Promise<number> {
      return (await rows.findById(id).lean<CounterRow>())?.count ?? 0;
    },
    /** When a full one has room again. */
    async freeAt({ id, most, window }: Limit): Promise<Date> {
      if ('until' in window) return window.until;
      const row = await rows.findById(id).lean<CounterRow>();
      const oldest = row?.recent?.at(-most)?.at ?? host.now();
      return new Date(oldest.getTime() + window.seconds * 1000);
    },
  };
}

export type Counters = ReturnType<typeof createCounters>;
