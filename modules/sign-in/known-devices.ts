import { randomBytes } from 'node:crypto';
import type { Request, Response } from 'express';
import { Schema, type Connection } from 'mongoose';
import type { Clock, Fingerprint } from '../kernel/ports.ts';
import type { Cookies } from '../platform/http/cookies.ts';
import { rowsOf } from '../platform/mongo.ts';

interface KnownDeviceRow {
  _id: string;
  /** A keyed fingerprint of the account's address. */
  account: string;
  forgetAt: Date;
}

export interface KnownDevices {
  /** A key for this browser and account, if the account signed in here before; null for any other. */
  find(req: Request, emailKey: string): Promise<string | null>;
  /** Gives the browser a mark that says nothing by itself. */
  mark(req: Request, res: Response): void;
  /** From now on this browser is known to the account. */
  remember(req: Request, emailKey: string): Promise<void>;
  /** The keys of the account's browsers, the last remembered first. */
  ofAccount(emailKey: string): Promise<string[]>;
}

const cookie = 'gatehouse-device';
const tokenForm = /^[A-Za-z0-9_-]{43}$/;
const days = 180;
const lookedAt = 200;

/**
 * Which browsers an account signed in with. The mark only gives a browser password tries of its own (RL-7); it stands in for no
 * password and no factor. The database alone tells neither the mark nor whose it is: it has keyed fingerprints of them.
 */
export function createKnownDevices(
  connection: Connection,
  ports: { cookies: Cookies; fingerprint: Fingerprint; clock: Clock },
): KnownDevices {
  const { cookies, fingerprint, clock } = ports;
  const schema = new Schema<KnownDeviceRow>(
    {
      _id: { type: String, required: true },
      account: { type: String, required: true },
      forgetAt: { type: Date, required: true },
    },
    { versionKey: false, strict: 'throw', collection: 'knownDevices' },
  );
  schema.index({ forgetAt: 1 }, { expireAfterSeconds: 0 });
  schema.index({ account: 1, forgetAt: -1 });
  const rows = connection.model<KnownDeviceRow>('KnownDevice', schema);
  // The cookie of the answer under way is not in its request yet.
  const given = new WeakMap<Request, string>();

  const accountOf = (emailKey: string) => fingerprint.of('account', emailKey);

  function tokenOf(req: Request): string | null {
    const token = given.get(req) ?? cookies.read(req, cookie);
    return token !== null && tokenForm.test(token) ? token : null;
  }

  return {
    async find(req, emailKey) {
      const token = tokenOf(req);
      // Asked for whoever it is: an unknown account costs the same look.
      const id = fingerprint.of(token ?? '', emailKey);
      const row = await rowsOf(rows).findOne({ _id: id, forgetAt: { $gt: clock.now() } });
      return token !== null && row ? id : null;
    },
    mark(req, res) {
      const token = tokenOf(req) ?? randomBytes(32).toString('base64url');
      given.set(req, token);
      cookies.write(res, cookie, token, days);
    },
    async remember(req, emailKey) {
      const token = tokenOf(req);
      if (token === null) return;
      const forgetAt = new Date(clock.now().getTime() + days * 86_400_000);
      const known = { account: accountOf(emailKey), forgetAt };
      await rowsOf(rows).updateOne({ _id: fingerprint.of(token, emailKey) }, { $set: known }, { upsert: true });
    },
    async ofAccount(emailKey) {
      const found = await rows
        .find({ account: accountOf(emailKey), forgetAt: { $gt: clock.now() } }, { _id: 1 })
        .sort({ forgetAt: -1 })
        .limit(lookedAt)
        .lean<KnownDeviceRow[]>();
      return found.map(({ _id }) => _id);
    },
  };
}
