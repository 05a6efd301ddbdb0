import { randomBytes } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import type { Model, UpdateQuery } from 'mongoose';
import { Refused } from '../kernel/errors.ts';
import type { Person } from '../kernel/person.ts';
import type { Audit, AuditEntry, Clock, People } from '../kernel/ports.ts';
import {
  trustedDeviceMethod,
  type RunningChallenge,
  type SignIn,
  type SignIns,
  type Visitor,
} from '../kernel/sign-in.ts';
import { deviceKey } from '../platform/device.ts';
import { rowsOf } from '../platform/mongo.ts';
import { requestContext } from '../platform/request-context.ts';
import { sessionKeyOf } from './session-store.ts';
import { asSignIn, type SignInRow } from './sign-in-model.ts';
import { isFresh, overBecause, timeLimits } from './time-limits.ts';

/** Why a request's sign-in is over: a time limit, or a change elsewhere. */
export type Over = 'pending-expired' | 'overall-limit' | 'idle-limit' | 'revoked' | 'account-closed';

export interface EndedBy {
  actor: AuditEntry['actor'];
  reason: string;
}

export interface SignInService extends SignIns {
  /** Why this request's sign-in ended just now; null when none did. */
  over(req: Request): Over | null;
  /** Loads and checks the request's sign-in; runs before everything that asks for a visitor. */
  load: RequestHandler;
  /** A right password: a new half-signed-in session. An earlier sign-in of this browser ends. */
  begin(req: Request, person: Person, options: { returnTo: string | null }): Promise<SignIn>;
  /** The person's sign-in before the request's own: when, and from which address. */
  previous(req: Request): Promise<{ when: Date; from: string } | null>;
  /** True while the last full proof of the request's sign-in is at most five minutes old. */
  isFresh(req: Request): boolean;
  /** The person's live sign-ins, the newest first. */
  listOf(person: Person): Promise<SignIn[]>;
  /** Ends one sign-in of the person; false: it is not theirs, or over. */
  endOne(personId: string, signInId: string, by: EndedBy): Promise<boolean>;
  /** Ends every sign-in of the person, at its next request at the latest. */
  endAllOf(personId: string, by: EndedBy): Promise<void>;
  /** Drops what is kept of the person's sign-ins, with devices and addresses (LOG-4). For somebody who is removed. */
  forgetAllOf(personId: string): Promise<void>;
  /** Carries the acting sign-in over to a new session epoch of its person. */
  adopt(req: Request, sessionEpoch: number): Promise<void>;
}

const day = 86_400_000;
const rememberedSignIns = 100;

/** The life of sign-ins. Every step is one conditional write on one document, and renews the session id (SES-1). */
export function createSignIns(ports: {
  model: Model<SignInRow>;
  people: People;
  audit: Audit;
  clock: Clock;
  /** Hears of each completed sign-in. */
  onCompleted?(req: Request, person: Person): Promise<void>;
}): SignInService {
  const { model, people, audit, clock } = ports;
  const visitors = new WeakMap<Request, Visitor>();
  const overs = new WeakMap<Request, Over>();

  async function endRow(signIn: SignIn, reason: string, actor?: AuditEntry['actor']): Promise<boolean> {
    const result = await model.updateOne(
      { _id: signIn.id, state: { $ne: 'ended' } },
      { $set: { state: 'ended', endedAt: clock.now(), endReason: reason, challenge: null }, $inc: { rev: 1 } },
    );
    if (result.modifiedCount === 0) return false;
    await audit.record({
      event: 'sign-in.ended',
      outcome: 'success',
      actor: actor ?? { kind: 'person', id: signIn.personId },
      target: { kind: 'person', id: signIn.personId },
      reason,
      signInId: signIn.id,
    });
    return true;
  }

  async function liveRows(personId: string): Promise<SignInRow[]> {
    return model
      .find({ personId, state: { $in: ['password', 'satisfied'] } })
      .sort({ createdAt: -1 })
      .limit(rememberedSignIns)
      .lean<SignInRow[]>();
  }

  // Idle time is measured to the second that matters: a write at each request would cost a durable commit for each page.
  async function noteSeen(signIn: SignIn, person: Person, now: Date): Promise<SignIn> {
    const grain = signIn.state === 'password' ? Infinity : timeLimits[person.kind].idle / 100;
    if (now.getTime() - signIn.lastSeenAt.getTime() < grain) return signIn;
    await model.updateOne({ _id: signIn.id, state: 'satisfied' }, { $max: { lastSeenAt: now } });
    return { ...signIn, lastSeenAt: now };
  }

  async function check(req: Request): Promise<void> {
    const signIn = req.session.signIn;
    if (!signIn) return;
    const person = await people.byId(signIn.personId);
    const now = clock.now();
    const over = person ? overNow(signIn, person, now) : 'account-closed';
    if (over !== null || !person) {
      overs.set(req, over ?? 'account-closed');
      await endRow(signIn, over ?? 'account-closed');
      return;
    }
    visitors.set(req, { person, signIn: await noteSeen(signIn, person, now) });
  }

  /** Changes the sign-in if nobody did since it was read, under a new session id. Null: lost the race. */
  async function renew(req: Request, visitor: Visitor, change: UpdateQuery<SignInRow>): Promise<SignIn | null> {
    const { signIn } = visitor;
    const seen = { _id: signIn.id, rev: signIn.rev, state: signIn.state, sessionKey: signIn.sessionKey };
    const oldId = req.sessionID;
    newSessionId(req);
    const row = await model
      .findOneAndUpdate(
        seen,
        { ...change, $set: { ...change.$set, sessionKey: sessionKeyOf(req.sessionID) }, $inc: { rev: 1 } },
        { returnDocument: 'after' },
      )
      .lean<SignInRow>();
    if (!row) {
      req.sessionID = oldId;
      return null;
    }
    const next = asSignIn(row);
    visitors.set(req, { person: visitor.person, signIn: next });
    req.session.signIn = next;
    return next;
  }

  function required(req: Request): Visitor {
    const visitor = visitors.get(req);
    if (!visitor) throw new Refused('sign-in-expired');
    return visitor;
  }

  async function endRevoked(req: Request, { signIn }: Visitor): Promise<never> {
    await endRow(signIn, 'revoked');
    visitors.delete(req);
    throw new Refused('sign-in-expired');
  }

  async function setChallenge(req: Request, challenge: RunningChallenge): Promise<SignIn | null> {
    const { person, signIn } = required(req);
    const row = await model
      .findOneAndUpdate(
        { _id: signIn.id, rev: signIn.rev, state: { $ne: 'ended' } },
        { $set: { challenge }, $inc: { rev: 1 } },
        { returnDocument: 'after' },
      )
      .lean<SignInRow>();
    if (!row) return null;
    const next = asSignIn(row);
    visitors.set(req, { person, signIn: next });
    return next;
  }

  /** True for a device that none of the person's sign-ins came from, as far back as they are kept; never at the very first one. */
  async function isNewDevice({ person, signIn }: Visitor): Promise<boolean> {
    if (person.lastSignInAt === null) return false;
    const known = await rowsOf(model)
      .find(
        { personId: person.id, satisfiedAt: { $gt: new Date(0) }, _id: { $ne: signIn.id } },
        { projection: { userAgent: 1, address: 1 }, sort: { createdAt: -1 }, limit: rememberedSignIns },
      )
      .toArray();
    return !known.some((row) => deviceKey(row) === deviceKey(signIn));
  }

  return {
    load: (req, _res, next) => {
      check(req).then(() => {
        next();
      }, next);
    },
    visitor: (req) => visitors.get(req) ?? null,
    over: (req) => overs.get(req) ?? null,
    async begin(req, person, options) {
      const before = visitors.get(req);
      if (before) await endRow(before.signIn, 'signed-in-again');
      newSessionId(req);
      const now = clock.now();
      const context = requestContext();
      const row: SignInRow = {
        _id: randomBytes(16).toString('base64url'),
        schemaVersion: 1,
        personId: person.id,
        state: 'password',
        sessionKey: sessionKeyOf(req.sessionID),
        sessionEpoch: person.sessionEpoch,
        rev: 0,
        challenge: null,
        lastSteps: null,
        createdAt: now,
        satisfiedAt: null,
        freshAt: null,
        lastSeenAt: now,
        endedAt: null,
        endReason: null,
        methods: ['password'],
        userAgent: context?.userAgent ?? '',
        address: context?.address ?? '',
        returnTo: options.returnTo,
        forgetAt: new Date(now.getTime() + 30 * day),
      };
      // Made here from the row's own type, field by field: there is nothing to cast.
      await rowsOf(model).insertOne(row);
      const signIn = asSignIn(row);
      visitors.set(req, { person, signIn });
      req.session.signIn = signIn;
      return signIn;
    },
    ask: setChallenge,
    async swapChallenge(req, state) {
      const { challenge } = required(req).signIn;
      return challenge && setChallenge(req, { ...challenge, state });
    },
    async reload(req) {
      const { person, signIn } = required(req);
      const row = await model.findOne({ _id: signIn.id, state: { $ne: 'ended' } }).lean<SignInRow>();
      if (!row) return null;
      const next = asSignIn(row);
      visitors.set(req, { person, signIn: next });
      return next;
    },
    async satisfy(req, method, { reason, fresh = 'now' }) {
      const visitor = required(req);
      if (visitor.signIn.state !== 'password') return null;
      const now = clock.now();
      const set = {
        state: 'satisfied' as const,
        satisfiedAt: now,
        ...(fresh === 'as before' ? {} : { freshAt: fresh === 'now' ? now : null }),
        lastSeenAt: now,
        challenge: null,
        lastSteps: null,
      };
      const next = await renew(req, visitor, { $set: set, ...(method === null ? {} : { $push: { methods: method } }) });
      if (!next) return null;
      const newDevice = await isNewDevice(visitor);
      await Promise.all([
        people.noteSignIn(visitor.person.id),
        audit.record({
          event: 'sign-in.completed',
          outcome: 'success',
          actor: { kind: 'person', id: visitor.person.id },
          target: { kind: 'person', id: visitor.person.id },
          reason,
          signInId: next.id,
          detail: { methods: next.methods.join(' '), newDevice },
        }),
        ports.onCompleted?.(req, visitor.person),
      ]);
      return next;
    },
    async refresh(req, method, lastSteps) {
      const visitor = required(req);
      return renew(req, visitor, {
        $set: { freshAt: clock.now(), challenge: null, ...(lastSteps ? { lastSteps } : {}) },
        $push: { methods: { $each: [method], $slice: -20 } },
      });
    },
    async endOthers(req, reason) {
      const visitor = required(req);
      // From the epoch that this sign-in is of: one that was ended while its request was under way must not come back with the new one.
      const epoch = await people.endAllSignIns(visitor.person.id, visitor.signIn.sessionEpoch);
      if (epoch === null) return endRevoked(req, visitor);
      await renew(req, visitor, { $set: { sessionEpoch: epoch } });
      for (const row of await liveRows(visitor.person.id))
        if (row._id !== visitor.signIn.id) await endRow(asSignIn(row), reason);
    },
    async endTrusted(req, reason) {
      const { person, signIn } = required(req);
      for (const row of await liveRows(person.id)) {
        // One that is under way may be between the use of a token and its completion.
        const opened = row.state === 'password' || row.methods.includes(trustedDeviceMethod);
        if (opened && row._id !== signIn.id) await endRow(asSignIn(row), reason);
      }
    },
    async listOf(person) {
      const now = clock.now();
      const rows = (await liveRows(person.id)).filter((row) => row.state === 'satisfied');
      return rows.map(asSignIn).filter((signIn) => overNow(signIn, person, now) === null);
    },
    async endOne(personId, signInId, { actor, reason }) {
      const row = await model.findOne({ _id: { $eq: signInId }, personId, state: 'satisfied' }).lean<SignInRow>();
      return row !== null && endRow(asSignIn(row), reason, actor);
    },
    async endAllOf(personId, { actor, reason }) {
      await people.endAllSignIns(personId);
      for (const row of await liveRows(personId)) await endRow(asSignIn(row), reason, actor);
    },
    async forgetAllOf(personId) {
      await model.deleteMany({ personId });
    },
    async adopt(req, sessionEpoch) {
      const visitor = required(req);
      // More than this request's own step: somebody else has ended the person's sign-ins meanwhile, and this one with them.
      if (sessionEpoch !== visitor.signIn.sessionEpoch + 1) return endRevoked(req, visitor);
      await renew(req, visitor, { $set: { sessionEpoch } });
    },
    async end(req, reason) {
      const visitor = visitors.get(req);
      if (visitor) await endRow(visitor.signIn, reason);
      visitors.delete(req);
    },
    async previous(req) {
      const { signIn } = required(req);
      const row = await rowsOf(model).findOne(
        { personId: signIn.personId, createdAt: { $lt: signIn.createdAt }, satisfiedAt: { $gt: new Date(0) } },
        { sort: { createdAt: -1 } },
      );
      return row?.satisfiedAt ? { when: row.satisfiedAt, from: row.address } : null;
    },
    isFresh(req) {
      const visitor = visitors.get(req);
      return visitor !== undefined && isFresh(visitor.signIn, clock.now());
    },
    askToConfirm,
    freshly: (req, res, next) => {
      const visitor = visitors.get(req);
      if (!visitor) {
        next(new Refused('sign-in-expired'));
      } else if (visitor.signIn.state === 'password' || isFresh(visitor.signIn, clock.now())) {
        // Half signed in: the password itself is at most ten minutes old, and only the forced set-up is open.
        next();
      } else {
        askToConfirm(req, res);
      }
    },
  };
}

function overNow(signIn: SignIn, person: Person, now: Date): Over | null {
  if (person.disabled) return 'account-closed';
  return person.sessionEpoch === signIn.sessionEpoch ? overBecause(signIn, person, now) : 'revoked';
}

// regenerate() would ask the store to forget the old id first; ours has nothing to forget: the renewal itself is the conditional write.
function newSessionId(req: Request): void {
  req.sessionStore.generate(req);
}

function askToConfirm(req: Request, res: Response): void {
  const back = req.method === 'GET' ? req.originalUrl : refererPath(req);
  res.redirect(303, `/account/confirm?returnTo=${encodeURIComponent(back)}`);
}

function refererPath(req: Request): string {
  try {
    const { pathname, search } = new URL(req.get('referer') ?? '');
    return pathname + search;
  } catch {
    return '/account/security';
  }
}
