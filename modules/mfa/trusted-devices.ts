import { createHash, randomBytes } from 'node:crypto';
import type { Request, Response } from 'express';
import { Schema, type Connection } from 'mongoose';
import type { Person } from '../kernel/person.ts';
import type { Audit, Clock } from '../kernel/ports.ts';
import type { SignIns } from '../kernel/sign-in.ts';
import type { Cookies } from '../platform/http/cookies.ts';
import { requestContext } from '../platform/request-context.ts';
import type { PolicyStore } from './policy/policy-store.ts';

interface TrustedDeviceRow {
  _id: string;
  personId: string;
  hash: string;
  sessionEpoch: number;
  userAgent: string;
  createdAt: Date;
  usedAt: Date;
  until: Date;
}

/** A trusted browser, as its owner's pages show it. */
export interface TrustedDevice {
  id: string;
  userAgent: string;
  createdAt: Date;
  usedAt: Date;
  until: Date;
}

export interface TrustedDevices {
  /** For how many days the person may trust a browser; 0: not at all. */
  daysFor(person: Person): Promise<number>;
  trust(res: Response, person: Person): Promise<void>;
  /** True where this browser may go on with the password alone. Each use gives it another token; an old one is a thief's (SES-13). */
  use(req: Request, person: Person): Promise<boolean>;
  list(person: Person): Promise<TrustedDevice[]>;
  forgetAll(personId: string): Promise<void>;
  /** For when the policy has no trust any more: switched on again, it begins anew. */
  forgetEverybody(): Promise<void>;
}

const cookie = 'gatehouse-trust';
const tokenForm = /^[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}$/;
const dayMs = 86_400_000;

const hashOf = (secret: string) => createHash('sha256').update(`trusted-device ${secret}`).digest('base64url');

/**
 * Browsers that a customer trusts for some days, where the policy has them. It is no second factor, and the pages say so: it never
 * skips the password, never counts as a proof, is for no member of staff, and dies with the person's session epoch: with a changed
 * password or factor, a reset, or "sign out everywhere".
 */
export function createTrustedDevices(
  connection: Connection,
  ports: { cookies: Cookies; policies: PolicyStore; signIns: Pick<SignIns, 'endTrusted'>; audit: Audit; clock: Clock },
): TrustedDevices {
  const { cookies, clock } = ports;
  const schema = new Schema<TrustedDeviceRow>(
    {
      _id: { type: String, required: true },
      personId: { type: String, required: true },
      hash: { type: String, required: true },
      sessionEpoch: { type: Number, required: true },
      userAgent: { type: String, default: '' },
      createdAt: { type: Date, required: true },
      usedAt: { type: Date, required: true },
      until: { type: Date, required: true },
    },
    { versionKey: false, strict: 'throw', collection: 'trustedDevices' },
  );
  schema.index({ personId: 1 });
  schema.index({ until: 1 }, { expireAfterSeconds: 0 });
  const rows = connection.model<TrustedDeviceRow>('TrustedDevice', schema);

  async function daysFor(person: Person): Promise<number> {
    return person.kind === 'contact' ? (await ports.policies.of('contact')).trustedDeviceDays : 0;
  }

  async function record(event: string, person: Person, outcome: 'success' | 'failure'): Promise<void> {
    const who = { kind: 'person' as const, id: person.id };
    await ports.audit.record({ event, outcome, actor: who, target: who });
  }

  return {
    daysFor,
    async trust(res, person) {
      const days = await daysFor(person);
      if (days === 0) return;
      const now = clock.now();
      const family = randomBytes(16).toString('base64url');
      const secret = randomBytes(32).toString('base64url');
      const row: TrustedDeviceRow = {
        _id: family,
        personId: person.id,
        hash: hashOf(secret),
        sessionEpoch: person.sessionEpoch,
        userAgent: requestContext()?.userAgent ?? '',
        createdAt: now,
        usedAt: now,
        until: new Date(now.getTime() + days * dayMs),
      };
      await rows.insertMany([row]);
      cookies.write(res, cookie, `${family}.${secret}`, days);
      await record('trusted-device.added', person, 'success');
    },
    async use(req, person) {
      const days = await daysFor(person);
      const token = cookies.read(req, cookie);
      if (days === 0 || token === null || !tokenForm.test(token) || !req.res) return false;
      const [family = '', secret = ''] = token.split('.');
      const next = randomBytes(32).toString('base64url');
      const now = clock.now();
      const own = { _id: family, personId: person.id, sessionEpoch: person.sessionEpoch };
      // A shorter time in the policy holds for browsers that were trusted before, too.
      const inTime = { until: { $gt: now }, createdAt: { $gt: new Date(now.getTime() - days * dayMs) } };
      const used = await rows.findOneAndUpdate(
        { ...own, ...inTime, hash: hashOf(secret) },
        { $set: { hash: hashOf(next), usedAt: now } },
      );
      if (used) {
        const left = Math.max(1, Math.ceil((used.until.getTime() - now.getTime()) / dayMs));
        cookies.write(req.res, cookie, `${family}.${next}`, left);
        await record('trusted-device.used', person, 'success');
        return true;
      }
      cookies.expire(req.res, cookie);
      if ((await rows.exists({ ...own, hash: { $ne: hashOf(secret) } })) !== null) {
        // Somebody used this token before: there are two copies of the browser, and nobody knows which is the owner's.
        await rows.deleteMany({ personId: person.id });
        // After the tokens: whoever comes later has none, and whoever came before has a sign-in that this finds.
        await ports.signIns.endTrusted(req, 'trust-reused');
        await record('trusted-device.reused', person, 'failure');
      }
      return false;
    },
    async list(person) {
      const found = await rows
        .find({ personId: person.id, sessionEpoch: person.sessionEpoch, until: { $gt: clock.now() } })
        .sort({ usedAt: -1 })
        .lean<TrustedDeviceRow[]>();
      return found.map(({ _id, userAgent, createdAt, usedAt, until }) => ({
        id: _id,
        userAgent,
        createdAt,
        usedAt,
        until,
      }));
    },
    async forgetAll(personId) {
      await rows.deleteMany({ personId });
    },
    async forgetEverybody() {
      await rows.deleteMany({});
    },
  };
}
