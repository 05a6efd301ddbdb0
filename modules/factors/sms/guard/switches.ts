import { Schema } from 'mongoose';
import type { FactorHost } from '../../../kernel/factor.ts';
import { upserted } from './upserted.ts';

interface SwitchRow {
  /** `all`, or a country's ISO code. */
  _id: string;
  stopped: boolean;
  why: 'staff' | 'unconfirmed';
  by: string | null;
  reason: string | null;
  at: Date;
}

/** A stop in force; `country` null: of everything. */
export interface Stop {
  country: string | null;
  why: 'staff' | 'unconfirmed';
  /** The member of staff; null: the portal itself. */
  by: string | null;
  reason: string | null;
  at: Date;
}

/** The kill switches: one for everything, and one for each country. Every process looks at them before each message. */
export function createSwitches(host: Pick<FactorHost<unknown>, 'model' | 'now'>) {
  const rows = host.model<SwitchRow>(
    'switches',
    new Schema<SwitchRow>({
      _id: { type: String, required: true },
      stopped: { type: Boolean, required: true },
      why: { type: String, enum: ['staff', 'unconfirmed'], required: true },
      by: { type: String, default: null },
      reason: { type: String, default: null },
      at: { type: Date, required: true },
    }),
  );
  const all = 'all';

  return {
    /** False: it was stopped already. */
    async stop({ country, ...facts }: Omit<Stop, 'at'>): Promise<boolean> {
      return upserted(() =>
        rows.updateOne(
          { _id: country ?? all, stopped: { $ne: true } },
          { $set: { ...facts, stopped: true, at: host.now() } },
          { upsert: true },
        ),
      );
    },
    /** False: it was not stopped. The row stays: what was sent before it counts no more against the country. */
    async resume({ country, by, reason }: { country: string | null; by: string; reason: string }): Promise<boolean> {
      const { modifiedCount } = await rows.updateOne(
        { _id: country ?? all, stopped: true },
        { $set: { stopped: false, by, reason, at: host.now() } },
      );
      return modifiedCount === 1;
    },
    async isStopped(country: string | null): Promise<boolean> {
      return (await rows.exists({ _id: { $in: [all, country ?? all] }, stopped: true })) !== null;
    },
    /** Since when a country's messages are judged anew; null: it never was stopped. */
    async resumedAt(country: string): Promise<Date | null> {
      const row = await rows.findById(country).lean<SwitchRow>();
      return row && !row.stopped ? row.at : null;
    },
    async list(): Promise<Stop[]> {
      const stopped = await rows.find({ stopped: true }).sort({ _id: 1 }).lean<SwitchRow[]>();
      return stopped.map(({ _id, why, by, reason, at }) => ({
        country: _id === all ? null : _id,
        why,
        by,
        reason,
        at,
      }));
    },
  };
}
