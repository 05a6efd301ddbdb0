import { Router, type Request, type Response } from 'express';
import type { Connection, Model, Schema } from 'mongoose';
import { Refused } from '../kernel/errors.ts';
import type { AnyFactor, Enrolment, FactorHost } from '../kernel/factor.ts';
import { pageAfterSignIn, type Visitor } from '../kernel/sign-in.ts';
import type { Flash } from '../platform/http/flash.ts';
import { throttledUntil } from '../platform/http/throttled.ts';
import type { Throttle } from '../kernel/ports.ts';
import type { Person } from '../kernel/person.ts';
import { asEnrolment, type EnrolmentRow } from './enrolments.ts';
import { removeEnrolment } from './removal.ts';
import { translateOf, type Engine } from './engine.ts';
import { lastStepsPage } from './gate.ts';
import { abilitiesOf, decide, isFirst, mayAddRecovery, missingRecovery, type Facts } from './policy/decide.ts';
import type { InstalledFactor } from './registry.ts';

const mostEnrolments = 10;

/** How often a change is tried again that others came in between of. */
const updateRounds = 5;

/** How long a request waits for its text message: the answer is to come within five seconds, whatever the gateway does. */
const patienceMs = 4700;

/** How many enrolments of a factor a person may have; beyond it an old one must go first. */
export function enrolmentLimit({ limits }: Pick<AnyFactor, 'limits'>): number {
  return Math.min(limits.enrolments ?? mostEnrolments, mostEnrolments);
}

/** Makes the host of one factor: everything that the factor may touch, and nothing of any other. */
export function createFactorHost(engine: Engine, factor: InstalledFactor, flash: Flash): FactorHost<unknown> {
  const { definition } = factor;
  const { id } = definition;
  const { ports, enrolments } = engine;
  const context = (enrolmentId: string, personId: string) => [id, personId, enrolmentId];
  // Bound: a record that is copied into another person's enrolment, or from their password, opens nothing there.
  const hashed = (personId: string, plain: string) => JSON.stringify(['factor', id, personId, plain]);

  const recovery = definition.traits.role === 'recovery';

  function mayAdd(facts: Facts, replaced: EnrolmentRow | null): boolean {
    const { enrolmentEpoch } = facts.policy;
    const own = facts.enrolments.filter(
      (one) => one.factor === id && one.epoch === enrolmentEpoch && one.id !== replaced?._id.toHexString(),
    ).length;
    if (own >= enrolmentLimit(definition)) return false;
    if (recovery) return mayAddRecovery(facts);
    const abilities = abilitiesOf(facts);
    return abilities.mayAddAnother || (replaced !== null && abilities.mayEnrol);
  }

  /** What a set-up takes the place of. Asked anew each time whether people may renew it at all (C9). */
  async function replacedNow(person: Person, signInId: string | null): Promise<EnrolmentRow | null> {
    const row = await enrolments.replacedBy(person.id, signInId, id);
    const renewable = row?.factor !== id || ((await engine.factors.get(id)?.running.mayRenew?.(person)) ?? true);
    return renewable ? row : null;
  }

  function visitorOf(req: Request) {
    const visitor = ports.signIns.visitor(req);
    if (!visitor) throw new Refused('sign-in-expired');
    return visitor;
  }

  return {
    enrolments: {
      async list(personId) {
        const rows = (await enrolments.activeOf(personId)).filter((row) => row.factor === id);
        const kind = rows.length === 0 ? null : await engine.kindOf(personId);
        if (kind === null) return [];
        const { enrolmentEpoch } = await engine.policies.of(kind);
        // One of an older epoch no longer counts: its codes must not pass beside a newer one's.
        return rows.filter((row) => row.epoch === enrolmentEpoch).map(asEnrolment);
      },
      async pending(owner) {
        const row = await enrolments.pendingOf(owner, id);
        const kind = row && (await engine.kindOf(owner.personId));
        if (!row || !kind || row.epoch !== (await engine.policies.of(kind)).enrolmentEpoch) return null;
        return asEnrolment(row);
      },
      async begin(person, make, name, signInId = null) {
        const facts = await engine.facts(person);
        const replaced = await replacedNow(person, signInId);
        if (!mayAdd(facts, replaced)) throw new Refused('enrolment-not-allowed');
        const row = await enrolments.begin({
          owner: { personId: person.id, signInId },
          factor: id,
          epoch: facts.policy.enrolmentEpoch,
          sessionEpoch: person.sessionEpoch,
          isFirst: isFirst(facts),
          name,
          make,
        });
        return asEnrolment(row);
      },
      async confirm(seen, next) {
        return engine.changing(seen.personId, async (person) => {
          const facts = await engine.facts(person);
          const begun = await enrolments.begunAs(seen);
          // Everybody is asked to enrol anew since it was begun: it would count for nothing, and still let its person in.
          if (begun?.epoch !== facts.policy.enrolmentEpoch) return null;
          // The sign-ins of then were ended since: what one of them began, or goes on with in a request under way, is a stranger's.
          if (begun.sessionEpoch !== person.sessionEpoch) return null;
          // Begun on the password alone, and somebody has set one up meanwhile: this one would be a stranger's.
          if (!recovery && !isFirst(facts) && begun.isFirst) return null;
          const replaced = await replacedNow(person, begun.signInId);
          // Asked again here, where changes of one person wait for each other: two set-ups at once would slip past the limit.
          if (!mayAdd(facts, replaced)) return null;
          const row = await enrolments.confirm(seen, id, next);
          // The old one counted until this moment, and not a moment longer.
          if (row && replaced && !recovery) await removeReplaced(engine, person, replaced);
          // So does one of an older epoch, which this one takes the place of: what it guarded by is told so, and nothing of it is kept.
          if (row)
            for (const old of await enrolments.activeOf(person.id))
              if (old.factor === id && old.epoch < row.epoch) await removeReplaced(engine, person, old);
          return row && asEnrolment(row);
        });
      },
      swap: (seen, next, use) => enrolments.swap(seen, id, { state: next, used: use?.used ?? false }),
      async discard(owner) {
        await enrolments.discardPending(owner, id);
        await enrolments.dropReplacements(owner);
      },
      async renew(req, enrolmentId) {
        const { person, signIn } = visitorOf(req);
        const row = await enrolments.byId(person.id, enrolmentId);
        return row?.factor === id && (await enrolments.startReplacement(row, { signInId: signIn.id, factor: id }));
      },
      async renewing(req) {
        const { person, signIn } = visitorOf(req);
        return (await replacedNow(person, signIn.id))?._id.toHexString() ?? null;
      },
      async colleagueHas(person, fingerprint) {
        if (person.companyId === null) return false;
        const { enrolmentEpoch } = await engine.policies.of(person.kind);
        const others = (await enrolments.holdersOf(id, fingerprint, enrolmentEpoch)).filter((one) => one !== person.id);
        for (const other of new Set(others)) {
          const holder = await ports.people.byId(other);
          if (holder && !holder.disabled && holder.companyId === person.companyId) return true;
        }
        return false;
      },
    },
    challenge: {
      read(req) {
        const { challenge } = visitorOf(req).signIn;
        return challenge?.factor === id ? challenge.state : null;
      },
      async swap(req, next) {
        if (visitorOf(req).signIn.challenge?.factor !== id) return false;
        return (await ports.signIns.swapChallenge(req, next)) !== null;
      },
      async update(req, change) {
        for (let round = 0; round < updateRounds; round += 1) {
          const challenge = (await ports.signIns.reload(req))?.challenge;
          const next = challenge?.factor === id ? change(challenge.state) : null;
          if (next === null || (await ports.signIns.swapChallenge(req, next))) return;
        }
      },
    },
    asked: (req) => engine.askedIn(req),
    owner(req) {
      const { person, signIn } = visitorOf(req);
      return { personId: person.id, signInId: signIn.id };
    },
    person: (req) => visitorOf(req).person,
    async attempt(req, check) {
      const attempt = await engine.attempts.run(
        {
          personId: visitorOf(req).person.id,
          factor: id,
          address: engine.addressOf(req),
          ceiling: definition.limits.verify,
          settingUp: true,
        },
        check,
      );
      if (attempt.outcome === 'throttled') throw throttledUntil(attempt.retryAt, responseOf(req), 'code-throttled');
      if (attempt.outcome === 'wrong')
        await engine.recordProof(attempt.outcome, {
          factorId: id,
          purpose: 'setUp',
          personId: visitorOf(req).person.id,
          signInId: visitorOf(req).signIn.id,
        });
      return attempt.outcome === 'right' ? attempt.value : null;
    },
    noteEnrolled: async (req, enrolment) => {
      await noteEnrolled(engine, req, id, enrolment);
    },
    async noteRenewed(req, enrolmentId) {
      const { person, signIn } = visitorOf(req);
      await ports.audit.record({
        event: 'enrolment.renewed',
        outcome: 'success',
        actor: { kind: 'person', id: person.id },
        target: { kind: 'person', id: person.id },
        factor: id,
        signInId: signIn.id,
        detail: { enrolment: enrolmentId },
      });
    },
    enrolled: (req, res, enrolment) => enrolled(engine, flash, { req, res, factor: id, enrolment }),
    seal: (enrolmentId, personId, plain) => ports.sealer.seal(plain, context(enrolmentId, personId)),
    open: (enrolmentId, personId, sealed) => ports.sealer.open(sealed, context(enrolmentId, personId)),
    hash: (personId, plain) => ports.hasher.hash(hashed(personId, plain)),
    async verifyHash(personId, record, plain) {
      const { right } = await ports.hasher.verify(record, hashed(personId, plain));
      return right;
    },
    fingerprint: (text) => ports.fingerprint.of('factor', id, text),
    policy: async (person) => engine.settingsOf(id, await engine.policies.of(person.kind)),
    now: () => ports.clock.now(),
    siteName: ports.siteName,
    async audit(req, event, detail = {}) {
      const visitor = visitorOf(req);
      await ports.audit.record({
        event: `${id}.${event}`,
        outcome: detail.outcome ?? 'success',
        actor: { kind: 'person', id: visitor.person.id },
        target:
          detail.enrolmentId === undefined
            ? { kind: 'person', id: visitor.person.id }
            : { kind: 'enrolment', id: detail.enrolmentId },
        factor: id,
        signInId: visitor.signIn.id,
        ...(detail.reason === undefined ? {} : { reason: detail.reason }),
      });
    },
    async auditAlone(event, about = {}) {
      await ports.audit.record({
        event: `${id}.${event}`,
        outcome: about.outcome ?? 'success',
        actor: { kind: 'portal' },
        target: about.personId === undefined ? { kind: 'portal', id } : { kind: 'person', id: about.personId },
        factor: id,
        ...(about.reason === undefined ? {} : { reason: about.reason }),
        ...(about.detail === undefined ? {} : { detail: about.detail }),
      });
    },
    freshly: engine.freshly,
    allow: (permission) => (req, _res, next) => {
      const visitor = ports.signIns.visitor(req);
      // To customers staff's pages are not there.
      if (visitor?.signIn.state !== 'satisfied' || visitor.person.kind !== 'staff') next(new Refused('not-found'));
      else next(visitor.person.permissions.includes(permission) ? undefined : new Refused('forbidden'));
    },
    translate: (req) => translateOf(responseOf(req)),
    textsFor: (person) => ports.texts(person.language ?? 'en'),
    model: (name, schema) => collectionOf(ports.connection, { factor: id, name, schema }),
    throttle: scoped(ports.throttle, ['factor', id]),
    addressOf: (req) => engine.addressOf(req),
    async send(message) {
      const sent = {
        ...message,
        channel: 'text' as const,
        subject: '',
        html: null,
        kind: `${id}.${message.kind}`,
        tries: 1,
      };
      const outgoing = await ports.outbox.enqueue(sent);
      return { id: outgoing, sending: await ports.outbox.settle(outgoing, patienceMs) };
    },
    post: (message) =>
      ports.outbox.enqueue({ ...message, channel: 'text', subject: '', html: null, kind: `${id}.${message.kind}` }),
    tellStaff: (permission, notice) => ports.notifier.tellStaff(permission, notice),
    baseUrl: () => ports.baseUrl(),
    personOf: (personId) => ports.people.byId(personId),
    log: ports.log,
    router: () => Router(),
  };
}

/** A factor's own collection; its name says whose it is. */
function collectionOf<Row>(
  connection: Connection,
  { factor, name, schema }: { factor: string; name: string; schema: Schema<Row> },
): Model<Row> {
  schema.set('collection', `factor.${factor}.${name}`);
  schema.set('strict', 'throw');
  schema.set('versionKey', false);
  return connection.model<Row>(`Factor:${factor}:${name}`, schema);
}

/** The throttle with keys that nobody else has. */
function scoped(throttle: Throttle, scope: readonly string[]): Throttle {
  return {
    take: (key, ceiling) => throttle.take([...scope, ...key], ceiling),
    takeInOrder: (tries) => throttle.takeInOrder(tries.map(([key, ceiling]) => [[...scope, ...key], ceiling] as const)),
    fullUntil: (key, ceiling) => throttle.fullUntil([...scope, ...key], ceiling),
    clear: (key, ceiling) => throttle.clear([...scope, ...key], ceiling),
  };
}

async function removeReplaced(engine: Engine, person: Person, row: EnrolmentRow): Promise<void> {
  if (!(await removeEnrolment(engine, person, row))) return;
  await engine.ports.audit.record({
    event: 'enrolment.removed',
    outcome: 'success',
    actor: { kind: 'person', id: person.id },
    target: { kind: 'enrolment', id: row._id.toHexString() },
    factor: row.factor,
    reason: 'replaced',
  });
}

function responseOf(req: Request): Response {
  if (!req.res) throw new Error('A request without a response.');
  return req.res;
}

/** What a confirmed set-up means to the rest: noted, told to the other factors, and a free one ends the person's other sign-ins. */
async function noteEnrolled(
  engine: Engine,
  req: Request,
  factor: string,
  enrolment: Enrolment<unknown>,
): Promise<Visitor> {
  const { signIns, audit } = engine.ports;
  const visitor = signIns.visitor(req);
  if (!visitor) throw new Refused('sign-in-expired');
  const { person, signIn } = visitor;
  await audit.record({
    event: 'enrolment.confirmed',
    outcome: 'success',
    actor: { kind: 'person', id: person.id },
    target: { kind: 'enrolment', id: enrolment.id },
    factor,
    signInId: signIn.id,
  });
  await engine.noteState(person);
  await engine.tell({ event: 'enrolled', factor, role: engine.roleOf(factor), personId: person.id });
  if (signIn.state === 'satisfied') {
    // Confirming it was a proof with it: the next change asks for no other at once.
    if (engine.roleOf(factor) === 'primary') await signIns.refresh(req, factor);
    await signIns.endOthers(req, 'factor-added');
  }
  return visitor;
}

/** The way on after a confirmed set-up: a forced one ends in the portal (or at a new sign-in, C5), a free one on the security page. */
async function enrolled(
  engine: Engine,
  flash: Flash,
  at: { req: Request; res: Response; factor: string; enrolment: Enrolment<unknown> },
): Promise<void> {
  const { req, res, factor, enrolment } = at;
  const { signIns } = engine.ports;
  const { person, signIn } = await noteEnrolled(engine, req, factor, enrolment);
  if (signIn.state === 'satisfied') {
    flash.set(res, { kind: 'success', key: 'enrolment.done.flash', params: { name: enrolment.name } });
    res.redirect(303, '/account/security');
    return;
  }
  const facts = await engine.facts(person);
  const again = engine.settingsOf(factor, await engine.policies.of(person.kind)).afterEnrol === 'signInAgain';
  const offersRecovery = engine.offered(facts).some((id) => engine.roleOf(id) === 'recovery');
  if (missingRecovery(facts).length > 0 || (again && offersRecovery)) {
    if (!(await signIns.refresh(req, factor, { factor, enrolled: true }))) throw new Refused('challenge-expired');
    await signIns.endOthers(req, 'factor-added');
    res.redirect(303, lastStepsPage);
  } else if (again) {
    await endForNewSignIn(engine, flash, req, res);
  } else {
    const next = await signIns.satisfy(req, factor, { reason: decide(facts).reason });
    if (!next) throw new Refused('challenge-expired');
    // Whoever signed in with the password alone before, is out: from now on it is not enough.
    await signIns.endOthers(req, 'factor-added');
    flash.set(res, { kind: 'success', key: 'enrolment.done.flash', params: { name: enrolment.name } });
    res.redirect(303, pageAfterSignIn(next, person));
  }
}

/** Ends the set-up's sign-in: the next one asks for password and factor (C5). */
export async function endForNewSignIn(engine: Engine, flash: Flash, req: Request, res: Response): Promise<void> {
  const { signIns } = engine.ports;
  await signIns.endOthers(req, 'factor-added');
  await signIns.end(req, 'set-up-done');
  flash.set(res, { kind: 'success', key: 'signIn.notice.again' });
  res.redirect(303, '/sign-in');
}
