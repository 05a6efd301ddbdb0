import { randomUUID } from 'node:crypto';
import { mongo, Schema, type Connection } from 'mongoose';
import type { Ceiling, Clock, Fingerprint, Mark, Throttle } from '../kernel/ports.ts';
import { rowsOf } from './mongo.ts';
import { isDuplicateKey } from '../kernel/duplicate-key.ts';
import { Together } from './together.ts';

interface ThrottleRow {
  _id: string;
  recent: { at: Date; mark: string }[];
  expiresAt: Date;
  /** When a refusal was last noted. */
  refusedAt: Date | null;
}

interface Try {
  id: string;
  mark: string;
  ceiling: Ceiling;
}

/**
 * Exact sliding windows: at most N tries in any window, over all processes, counted before the check in one conditional write.
 * A fixed window would let 2N through across its boundary.
 */
export function createThrottle(connection: Connection, fingerprint: Fingerprint, clock: Clock): Throttle {
  const schema = new Schema<ThrottleRow>(
    {
      _id: { type: String, required: true },
      recent: {
        type: [{ _id: false, at: { type: Date, required: true }, mark: { type: String, required: true } }],
        required: true,
      },
      expiresAt: { type: Date, required: true },
      refusedAt: { type: Date, default: null },
    },
    { versionKey: false, strict: 'throw', collection: 'throttles' },
  );
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  const rows = connection.model<ThrottleRow>('Throttle', schema);

  const counting = ({ id, mark, ceiling }: Try) => {
    const now = clock.now();
    const windowStart = new Date(now.getTime() - ceiling.windowSeconds * 1000);
    const full = `recent.${String(ceiling.tries - 1)}`;
    return {
      filter: { _id: id, $or: [{ [full]: { $exists: false } }, { 'recent.0.at': { $lte: windowStart } }] },
      update: {
        $push: { recent: { $each: [{ at: now, mark }], $slice: -ceiling.tries } },
        $max: { expiresAt: new Date(now.getTime() + ceiling.windowSeconds * 1000) },
      },
      upsert: true as const,
    };
  };

  async function tryOnce(one: Try): Promise<boolean> {
    const { filter, update, upsert } = counting(one);
    try {
      const result = await rowsOf(rows).updateOne(filter, update, { upsert });
      return result.modifiedCount + result.upsertedCount > 0;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** How many were counted, in order, before the first that was not. */
  async function tryInOrder(tries: readonly Try[]): Promise<number> {
    try {
      await rowsOf(rows).bulkWrite(
        tries.map((one) => ({ updateOne: counting(one) })),
        { ordered: true },
      );
      return tries.length;
    } catch (error) {
      if (error instanceof mongo.MongoBulkWriteError && isDuplicateKey(error)) {
        const [refused] = [error.writeErrors].flat();
        if (refused) return refused.index;
      }
      throw error;
    }
  }

  const allowed = ({ id, mark }: Try): Mark => ({ allowed: true, giveBack: () => giveBack.add({ id, mark }) });
  const giveBack = new Together<{ id: string; mark: string }>(async (marks) => {
    const [only, ...others] = marks.map(({ id, mark }) => ({
      filter: { _id: id },
      update: { $pull: { recent: { mark } } },
    }));
    if (only && others.length === 0) await rowsOf(rows).updateOne(only.filter, only.update);
    else if (only)
      await rowsOf(rows).bulkWrite(
        [only, ...others].map((updateOne) => ({ updateOne })),
        { ordered: false },
      );
  });

  // One line in the audit for each window: a flood of refusals must not fill the database.
  async function isFirstRefusal(id: string, ceiling: Ceiling, now: Date): Promise<boolean> {
    const windowStart = new Date(now.getTime() - ceiling.windowSeconds * 1000);
    const noted = await rows.updateOne(
      { _id: id, $or: [{ refusedAt: null }, { refusedAt: { $lte: windowStart } }] },
      { $set: { refusedAt: now } },
    );
    return noted.modifiedCount === 1;
  }

  const idOf = (key: readonly string[], ceiling: Ceiling) =>
    fingerprint.of(...key, String(ceiling.tries), String(ceiling.windowSeconds));

  const tryAt = (key: readonly string[], ceiling: Ceiling): Try => ({
    id: idOf(key, ceiling),
    mark: randomUUID(),
    ceiling,
  });

  async function take(one: Try): Promise<Mark> {
    // A duplicate key is either "full" or two first tries at once: the second attempt tells which.
    for (let attempt = 0; attempt < 2; attempt += 1) if (await tryOnce(one)) return allowed(one);
    const { id, ceiling } = one;
    const row = await rows.findById(id).lean();
    const oldest = row?.recent[0]?.at ?? clock.now();
    const retryAt = new Date(oldest.getTime() + ceiling.windowSeconds * 1000);
    return { allowed: false, retryAt, isFirst: await isFirstRefusal(id, ceiling, clock.now()) };
  }

  return {
    async fullUntil(key, ceiling) {
      const row = await rows.findById(idOf(key, ceiling)).lean();
      const oldest = row?.recent.at(-ceiling.tries)?.at;
      const freeAt = oldest && new Date(oldest.getTime() + ceiling.windowSeconds * 1000);
      return freeAt && freeAt > clock.now() ? freeAt : null;
    },
    async clear(key, ceiling) {
      return (await rows.deleteOne({ _id: idOf(key, ceiling) })).deletedCount === 1;
    },
    take: (key, ceiling) => take(tryAt(key, ceiling)),
    async takeInOrder(wanted) {
      const tries = wanted.map(([key, ceiling]) => tryAt(key, ceiling));
      const marks = tries.slice(0, await tryInOrder(tries)).map(allowed);
      for (const next of tries.slice(marks.length)) {
        const mark = await take(next);
        marks.push(mark);
        if (!mark.allowed) break;
      }
      return marks;
    },
  };
}

/** The key that an address is counted by: IPv6 by its /64, for whoever has one address there has them all. */
export function addressKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail = ''] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':');
}
