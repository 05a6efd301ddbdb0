import { Schema, type Connection } from 'mongoose';
import type { Audit, Ceiling, Throttle } from '../kernel/ports.ts';
import { rowsOf } from '../platform/mongo.ts';
import { isDuplicateKey } from '../kernel/duplicate-key.ts';
import { readAnew, readOnce } from '../platform/request-context.ts';

/** After so many wrong codes in a row a factor is locked for the person (NIST SP 800-63B-4 3.2.2). */
export const consecutiveFailures = 100;

/** How many tries one address may make over all accounts. */
export const addressCeiling: Ceiling = { tries: 100, windowSeconds: 900 };

const windows = ['challenge', 'set-up'] as const;
const windowKey = (window: (typeof windows)[number], who: { personId: string; factor: string }) => [
  'factor',
  window,
  who.factor,
  who.personId,
];

interface FailureRow {
  _id: string;
  consecutive: number;
}

const readKey = (personId: string) => `failures ${personId}`;

export type Attempt<T> =
  | { outcome: 'right'; value: T }
  | { outcome: 'wrong' }
  | { outcome: 'throttled'; retryAt: Date }
  | { outcome: 'locked' };

/** The limits of every factor, enforced before any of its code runs, in the database, over all processes. */
export class Attempts {
  private readonly rows;
  private readonly ports: { throttle: Throttle; audit: Audit };

  constructor(connection: Connection, ports: { throttle: Throttle; audit: Audit }) {
    this.ports = ports;
    const schema = new Schema<FailureRow>(
      { _id: { type: String, required: true }, consecutive: { type: Number, required: true } },
      { versionKey: false, strict: 'throw', collection: 'factorFailures' },
    );
    this.rows = connection.model<FailureRow>('FactorFailures', schema);
  }

  /** Counts the try, then checks; a right one takes its marks back and ends the row of failures of this factor only (RL-5), beside `onRight`. */
  async run<T>(
    who: { personId: string; factor: string; address: string; ceiling: Ceiling; settingUp: boolean },
    check: () => Promise<T | null>,
    onRight: () => Promise<void> = () => Promise.resolve(),
  ): Promise<Attempt<T>> {
    // A set-up has its own window: whoever mistypes there must not shut out a factor that works already.
    const marks = await this.ports.throttle.takeInOrder([
      [['factor', 'address', who.address], addressCeiling],
      [windowKey(who.settingUp ? 'set-up' : 'challenge', who), who.ceiling],
    ]);
    const refused = marks.find((mark) => !mark.allowed);
    if (refused) {
      if (refused.isFirst) await this.note('challenge.throttled', who);
      return { outcome: 'throttled', retryAt: refused.retryAt };
    }
    const before = who.settingUp ? 0 : await this.countFailure(who);
    readAnew(readKey(who.personId));
    if (before === null) return { outcome: 'locked' };
    const value = await check();
    if (value === null) {
      if (before + 1 >= consecutiveFailures) await this.note('factor.locked', who);
      return { outcome: 'wrong' };
    }
    const endRow = { $set: { consecutive: 0 } };
    await Promise.all([
      ...marks.map((mark) => mark.allowed && mark.giveBack()),
      who.settingUp ? null : rowsOf(this.rows).updateOne({ _id: this.key(who.personId, who.factor) }, endRow),
      onRight(),
    ]);
    readAnew(readKey(who.personId));
    return { outcome: 'right', value };
  }

  /** Which of these factors are locked for the person. */
  async locked(personId: string, factors: readonly string[]): Promise<Set<string>> {
    const byKey = new Map(factors.map((factor) => [this.key(personId, factor), factor]));
    if (byKey.size === 0) return new Set();
    const ids = [...byKey.keys()];
    const rows = await readOnce(`${readKey(personId)} ${ids.join()}`, () =>
      rowsOf(this.rows)
        .find({ _id: { $in: ids } })
        .toArray(),
    );
    const full = rows.filter(({ consecutive }) => consecutive >= consecutiveFailures);
    return new Set(full.map((row) => byKey.get(row._id) ?? ''));
  }

  /** Which factors are locked, by person. */
  async lockedOfMany(pairs: readonly { personId: string; factor: string }[]): Promise<Map<string, Set<string>>> {
    const byKey = new Map(pairs.map((pair) => [this.key(pair.personId, pair.factor), pair]));
    const rows = await this.rows
      .find({ _id: { $in: [...byKey.keys()] }, consecutive: { $gte: consecutiveFailures } })
      .lean<FailureRow[]>();
    const found = new Map<string, Set<string>>();
    for (const { _id } of rows) {
      const pair = byKey.get(_id);
      if (pair) found.set(pair.personId, (found.get(pair.personId) ?? new Set()).add(pair.factor));
    }
    return found;
  }

  /** Until when the person's tries with a factor are used up, in one window or in any; null where they are not. */
  async fullUntil(
    who: { personId: string; factor: string; ceiling: Ceiling },
    ...which: (typeof windows)[number][]
  ): Promise<Date | null> {
    const untils = await Promise.all(
      (which.length > 0 ? which : windows).map((window) =>
        this.ports.throttle.fullUntil(windowKey(window, who), who.ceiling),
      ),
    );
    return untils.reduce((one, other) => (one !== null && (other === null || one > other) ? one : other), null);
  }

  /** Gives the tries of a window back; the lock after a hundred failures stays (RL-2). False: none was used. */
  async free(who: { personId: string; factor: string; ceiling: Ceiling }): Promise<boolean> {
    const freed = await Promise.all(
      windows.map((window) => this.ports.throttle.clear(windowKey(window, who), who.ceiling)),
    );
    return freed.includes(true);
  }

  /** A reset starts counting anew; another authenticator of one's own does not (NIST 3.2.2). */
  async clear(personId: string, factors: readonly string[]): Promise<void> {
    await this.rows.deleteMany({ _id: { $in: factors.map((factor) => this.key(personId, factor)) } });
    readAnew(readKey(personId));
  }

  private key(personId: string, factor: string): string {
    return `${personId} ${factor}`;
  }

  // Counted before the check, and never beyond the limit: a burst of parallel tries can't slip past it (RL-6).
  private async countFailure(who: { personId: string; factor: string }): Promise<number | null> {
    const id = this.key(who.personId, who.factor);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        const row = await rowsOf(this.rows).findOneAndUpdate(
          { _id: id, consecutive: { $lt: consecutiveFailures } },
          { $inc: { consecutive: 1 } },
          { upsert: true, returnDocument: 'after' },
        );
        // Without a row nothing was counted: it fails closed.
        return row && row.consecutive - 1;
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
      }
    }
    return null;
  }

  private async note(
    event: 'challenge.throttled' | 'factor.locked',
    who: { personId: string; factor: string },
  ): Promise<void> {
    await this.ports.audit.record({
      event,
      outcome: 'failure',
      actor: { kind: 'person', id: who.personId },
      target: { kind: 'person', id: who.personId },
      factor: who.factor,
    });
  }
}
