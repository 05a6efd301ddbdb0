import { Schema } from 'mongoose';
import type { FactorHost } from '../../../kernel/factor.ts';
import { upserted } from '../guard/upserted.ts';
import type { GatewayHealth } from './standing.ts';

interface StandingRow extends Omit<GatewayHealth, 'name'> {
  /** The gateway's name. */
  _id: string;
  /** When it was noted. */
  at: Date;
}

/**
 * How gateways are doing, whichever process found out: one with JOBS=off asks none, and its health and its pages for staff would have
 * nothing but good news.
 */
export function createStandings(host: Pick<FactorHost<unknown>, 'model'>) {
  const time = { type: Date, default: null };
  const rows = host.model<StandingRow>(
    'standings',
    new Schema<StandingRow>({
      _id: { type: String, required: true },
      state: { type: String, enum: ['ok', 'queueing', 'failing'], required: true },
      since: time,
      lastSuccessAt: time,
      fault: { type: String, default: null },
      faultAt: time,
      at: { type: Date, required: true },
    }),
  );

  return {
    /** What a process sees of a gateway. Trouble goes on being since when the first one saw it; what was seen later stays. */
    async note({ name, state, since, ...seen }: GatewayHealth, at: Date): Promise<void> {
      // What this process has not seen, another one may have.
      const known = Object.fromEntries(Object.entries(seen).filter(([, value]) => value !== null));
      const earlier = { _id: name, at: { $lte: at } };
      const { matchedCount } = await rows.updateOne({ ...earlier, state }, { $set: { ...known, at } });
      if (matchedCount === 0)
        await upserted(() => rows.updateOne(earlier, { $set: { ...known, state, since, at } }, { upsert: true }));
    },
    /** Each of these as the last process to see it did; as given where none has. */
    async list(gateways: readonly GatewayHealth[]): Promise<GatewayHealth[]> {
      const found = await rows.find({ _id: { $in: gateways.map(({ name }) => name) } }).lean<StandingRow[]>();
      return gateways.map((gateway) => {
        const row = found.find(({ _id }) => _id === gateway.name);
        if (!row) return gateway;
        const { state, since, lastSuccessAt, fault, faultAt } = row;
        return { name: gateway.name, state, since, lastSuccessAt, fault, faultAt };
      });
    },
  };
}
