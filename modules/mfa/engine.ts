import type { Request, RequestHandler, Response } from 'express';
import type { Connection } from 'mongoose';
import { Refused } from '../kernel/errors.ts';
import type { PassportRegistry } from '../platform/http/authenticate.ts';
import type { FactorEvent, FactorHealth, FactorLog, FactorTraits, RunningFactor } from '../kernel/factor.ts';
import type { Permission, Person, PersonKind } from '../kernel/person.ts';
import type {
  Audit,
  Clock,
  Decision,
  Fingerprint,
  Notifier,
  Outbox,
  People,
  Sealer,
  SlowHash,
  TextCarrier,
  Texts,
  Throttle,
  Translate,
} from '../kernel/ports.ts';
import { lastProvenByFactor, type ChallengePurpose, type SignIns, type Visitor } from '../kernel/sign-in.ts';
import type { Asked } from '../kernel/factor.ts';
import { authenticate, type Failure } from '../platform/http/authenticate.ts';
import { addressKey } from '../platform/throttle.ts';
import { throttledUntil } from '../platform/http/throttled.ts';
import { readAnew, readOnce } from '../platform/request-context.ts';
import type { Attempts } from './attempts.ts';
import { asEnrolment, type EnrolmentRow, type Enrolments } from './enrolments.ts';
import { decide, isFirst, mayAddRecovery, type Facts } from './policy/decide.ts';
import type { Groups, GroupWord } from './policy/groups.ts';
import { graceUntil } from './policy/grace.ts';
import type { FactorSettings, Policy } from './policy/policy.ts';
import type { TrustedDevices } from './trusted-devices.ts';
import type { PolicyStore } from './policy/policy-store.ts';
import type { InstalledFactor } from './registry.ts';

export interface EnginePorts {
  signIns: SignIns;
  people: People;
  audit: Audit;
  throttle: Throttle;
  sealer: Sealer;
  fingerprint: Fingerprint;
  hasher: SlowHash;
  clock: Clock;
  passport: PassportRegistry;
  siteName: string;
  outbox: Outbox;
  texts: Texts;
  notifier: Notifier;
  /** The address that people type. */
  baseUrl(): string;
  log: FactorLog;
  /** For the collections that factors have of their own. */
  connection: Connection;
}

export interface ActiveFactor extends InstalledFactor {
  running: RunningFactor;
}

/** A refused proof, as the challenge page shows it. */
export interface ProofRefusal extends Failure {
  status: number;
  retryAfterSeconds?: number;
}

/** The engine knows that there are factors; it knows none of them by name. */
export class Engine {
  readonly factors = new Map<string, ActiveFactor>();
  readonly enrolments: Enrolments;
  readonly attempts: Attempts;
  readonly policies: PolicyStore;
  readonly groups: Groups;
  /** Null where the portal has no cookies to keep them in: for the command line. */
  trustedDevices: TrustedDevices | null = null;
  readonly ports: EnginePorts;
  private readonly asked = new WeakMap<Request, Asked>();

  constructor(parts: {
    enrolments: Enrolments;
    attempts: Attempts;
    policies: PolicyStore;
    groups: Groups;
    ports: EnginePorts;
  }) {
    this.enrolments = parts.enrolments;
    this.attempts = parts.attempts;
    this.policies = parts.policies;
    this.groups = parts.groups;
    this.ports = parts.ports;
  }

  /** Who is being asked in this request; factors' strategies take the person from here, never from what a client sent (SES-5). */
  askedIn(req: Request): Asked {
    const asked = this.asked.get(req);
    if (!asked) throw new Error('No proof is being asked in this request.');
    return asked;
  }

  /** A factor's settings under a policy. What is not installed, or can't be understood, is off: it fails closed. */
  settingsOf(factorId: string, policy: Pick<Policy, 'preset' | 'factors'>): FactorSettings {
    const factor = this.factors.get(factorId);
    const own = policy.factors[factorId] ?? (policy.preset === null ? {} : factor?.presets[policy.preset]);
    const parsed = own === undefined ? undefined : factor?.policy.safeParse(own);
    return parsed?.success
      ? (parsed.data as FactorSettings)
      : { enabled: false, mandatory: false, afterEnrol: 'continue' };
  }

  /** All facts that the policy's answer for one person rests on, read now. */
  async facts(person: Person): Promise<Facts> {
    const [policy, rows, locked, groupWords] = await Promise.all([
      this.policies.of(person.kind),
      this.enrolments.activeOf(person.id),
      this.attempts.locked(person.id, [...this.factors.keys()]),
      person.companyId === null ? [] : this.groups.wordsOf(person.companyId),
      this.kindOf(person.id, person),
    ]);
    return this.factsFrom(person, policy, { rows, locked, groupWords });
  }

  /** The facts of many people of one audience under several policies, for previews: a few reads for all of them. */
  async manyFacts(people: readonly Person[], policies: readonly Policy[]): Promise<Facts[][]> {
    const rows = await this.enrolments.activeOfMany(people.map((person) => person.id));
    const locked = await this.attempts.lockedOfMany(
      rows.map((row) => ({ personId: row.personId, factor: row.factor })),
    );
    const companies = [...new Set(people.flatMap((person) => person.companyId ?? []))];
    const words = await this.groups.wordsOfMany(companies);
    return people.map((person) => {
      const read = {
        rows: rows.filter((row) => row.personId === person.id),
        locked: locked.get(person.id) ?? new Set<string>(),
        groupWords: words.get(person.companyId ?? '') ?? [],
      };
      return policies.map((policy) => this.factsFrom(person, policy, read));
    });
  }

  private factsFrom(
    person: Person,
    policy: Policy,
    read: { rows: readonly EnrolmentRow[]; locked: ReadonlySet<string>; groupWords: readonly GroupWord[] },
  ): Facts {
    const isOn = (id: string) => this.settingsOf(id, policy).enabled;
    // The better factor is asked for first, whichever was set up first: an app before a message that costs money and can be caught.
    const order = [...this.factors.keys()];
    const place = (id: string) => (order.includes(id) ? order.indexOf(id) : order.length);
    const rows = [...read.rows].sort((one, other) => place(one.factor) - place(other.factor));
    return {
      staffWord: person.staffWord,
      companyWord: person.companyWord,
      groupWords: read.groupWords,
      policy,
      enrolments: rows.map((row) => ({
        id: row._id.toHexString(),
        factor: row.factor,
        role: this.factors.get(row.factor)?.definition.traits.role ?? null,
        installed: this.factors.has(row.factor),
        on: isOn(row.factor),
        stuck: read.locked.has(row.factor) || this.factors.get(row.factor)?.running.sound?.(asEnrolment(row)) === false,
        epoch: row.epoch,
      })),
      available: this.availableTo(person.kind).filter(isOn),
      recovery: this.recoveryFactors().filter(isOn),
      mandatory: this.mandatoryRecovery(policy),
      graceUntil: graceUntil(person, policy),
      now: this.ports.clock.now(),
    };
  }

  /** Which audience a person belongs to, for good; null where there is no such person. `person` spares the look where they are known. */
  async kindOf(personId: string, person?: Person): Promise<PersonKind | null> {
    return readOnce(`kind ${personId}`, async () => (person ?? (await this.ports.people.byId(personId)))?.kind ?? null);
  }

  /**
   * One change of a person's enrolments at a time, over all processes, decided on facts read inside: two removals that each see the
   * other's enrolment would else take a person's last factor.
   */
  async changing<T>(personId: string, change: (person: Person) => Promise<T>): Promise<T> {
    const release = await this.ports.people.lock(personId);
    // What was read while others could still change it is no ground to decide on.
    readAnew('');
    try {
      const person = await this.ports.people.byId(personId);
      if (!person) throw new Refused('sign-in-expired');
      return await change(person);
    } finally {
      await release();
    }
  }

  /** A proof not older than five minutes, and by a factor where the person has one: the password alone is none for them. */
  readonly freshly: RequestHandler = (req, res, next) => {
    const check = async () => {
      const visitor = this.ports.signIns.visitor(req);
      if (
        visitor?.signIn.state !== 'satisfied' ||
        lastProvenByFactor(visitor.signIn) ||
        isFirst(await this.facts(visitor.person))
      )
        return true;
      this.ports.signIns.askToConfirm(req, res);
      return false;
    };
    this.ports.signIns.freshly(req, res, (error?: unknown) => {
      if (error) next(error);
      else check().then((fine) => fine && next(), next);
    });
  };

  async decide(person: Person): Promise<Decision> {
    return decide(await this.facts(person));
  }

  /** The primary factors that an audience may have at all, in their order. */
  // Restricted factors (text messages, say) are never staff's only choice, so staff are not offered them (NIST 3.2.9).
  availableTo(audience: PersonKind): string[] {
    return [...this.factors.values()]
      .filter(
        ({ definition }) =>
          definition.traits.role === 'primary' && !(audience === 'staff' && definition.traits.restricted),
      )
      .map(({ definition }) => definition.id);
  }

  private recoveryFactors(): string[] {
    return [...this.factors.values()]
      .filter(({ definition }) => definition.traits.role === 'recovery')
      .map(({ definition }) => definition.id);
  }

  /** The recovery factors that everybody under the policy must have beside a primary one. */
  mandatoryRecovery(policy: Policy): string[] {
    return this.recoveryFactors().filter((id) => {
      const { enabled, mandatory } = this.settingsOf(id, policy);
      return enabled && mandatory;
    });
  }

  /** The factors that the person may set up now: primary ones, and recovery ones once there is something that can be lost. */
  offered(facts: Facts): string[] {
    return mayAddRecovery(facts) ? [...facts.available, ...facts.recovery] : [...facts.available];
  }

  /** What may take the place of an enrolment of this factor. */
  async replacementsOf(factorId: string, person: Person, facts: Facts): Promise<string[]> {
    const renewable = (await this.factors.get(factorId)?.running.mayRenew?.(person)) ?? true;
    return facts.available.filter((id) => id !== factorId || renewable);
  }

  /** What the factor is to the policy; one that is not installed counts as primary, for nobody can say any more that it was not. */
  roleOf(factorId: string): FactorTraits['role'] {
    return this.factors.get(factorId)?.definition.traits.role ?? 'primary';
  }

  /** One counted try at a proof by the request's visitor. Null: it was right, and is used up. */
  async prove(req: Request, res: Response, factorId: string, purpose: ChallengePurpose): Promise<ProofRefusal | null> {
    const visitor = this.ports.signIns.visitor(req);
    const factor = this.factors.get(factorId);
    if (!visitor || !factor) return { key: 'challenge.refused.expired', status: 403 };
    const { person, signIn } = visitor;
    this.asked.set(req, { person, purpose, signInId: signIn.id });
    const seen: { failure: Failure | null } = { failure: null };
    const note = (outcome: string) =>
      this.recordProof(outcome, { factorId, purpose, personId: person.id, signInId: signIn.id });
    const attempt = await this.attempts.run(
      {
        personId: person.id,
        factor: factorId,
        address: this.addressOf(req),
        ceiling: factor.definition.limits.verify,
        settingUp: false,
      },
      async () => {
        const proof = await authenticate(this.ports.passport, factorId, req, res);
        // A strategy that came back with somebody else would be a bug of the worst kind: it counts as wrong.
        if (proof.right) return proof.person.id === person.id ? true : null;
        seen.failure = proof.failure;
        return null;
      },
      () => note('right'),
    );
    if (attempt.outcome === 'right') return null;
    await note(attempt.outcome);
    if (attempt.outcome === 'throttled') return tooManyTries(attempt.retryAt, res);
    if (attempt.outcome === 'locked') return { key: 'challenge.refused.locked', status: 403 };
    const { key, params = {} } = seen.failure ?? { key: 'challenge.refused.code' };
    return { key, params, status: 422 };
  }

  async recordProof(
    outcome: string,
    at: { factorId: string; purpose: ChallengePurpose | 'setUp'; personId: string; signInId: string },
  ): Promise<void> {
    if (outcome === 'throttled') return;
    await this.ports.audit.record({
      event: outcome === 'right' ? 'challenge.accepted' : 'challenge.refused',
      outcome: outcome === 'right' ? 'success' : 'failure',
      actor: { kind: 'person', id: at.personId },
      target: { kind: 'person', id: at.personId },
      factor: at.factorId,
      signInId: at.signInId,
      ...(outcome === 'right' ? {} : { reason: outcome }),
      detail: { purpose: at.purpose },
    });
  }

  /** Notes which of a blocked person's enrolments can't be opened: a sign of a lost key, or of somebody at the database. */
  async recordUnreadable(visitor: Visitor): Promise<void> {
    for (const row of await this.enrolments.activeOf(visitor.person.id)) {
      if (this.factors.get(row.factor)?.running.sound?.(asEnrolment(row)) !== false) continue;
      await this.ports.audit.record({
        event: 'seal.failed',
        outcome: 'failure',
        actor: { kind: 'portal' },
        target: { kind: 'enrolment', id: row._id.toHexString() },
        factor: row.factor,
        signInId: visitor.signIn.id,
      });
    }
  }

  addressOf(req: Request): string {
    return addressKey(req.ip ?? '');
  }

  /** Moves the sign-in's question to a factor; whatever must be sent leaves here, in a POST (never twice for one move). */
  async moveTo(req: Request, factorId: string, purpose: ChallengePurpose): Promise<Date | null> {
    const visitor = this.ports.signIns.visitor(req);
    const factor = this.factors.get(factorId);
    if (!visitor || !factor) return null;
    const before = visitor.signIn.challenge;
    if (before?.factor === factorId && before.purpose === purpose) return this.begin(req, factor, { visitor, purpose });
    // What was sent stays: moving away and back, to another factor or purpose, sends nothing again and starts no count anew.
    const parked: Record<string, unknown> = {
      ...before?.parked,
      ...(before ? { [parkedKey(before)]: before.state } : {}),
    };
    const asked = await this.ports.signIns.ask(req, {
      purpose,
      factor: factorId,
      startedAt: this.ports.clock.now(),
      state: parked[parkedKey({ factor: factorId, purpose })] ?? null,
      parked,
    });
    return asked && this.begin(req, factor, { visitor, purpose });
  }

  /** Lets the factor send what its question is about; nothing where the tries are used up, for nobody could answer it. */
  private async begin(
    req: Request,
    { definition, running }: ActiveFactor,
    { visitor, purpose }: { visitor: Visitor; purpose: ChallengePurpose },
  ): Promise<Date | null> {
    const { person, signIn } = visitor;
    this.asked.set(req, { person, purpose, signInId: signIn.id });
    if (!running.begin) return null;
    const who = { personId: person.id, factor: definition.id, ceiling: definition.limits.verify };
    const until = await this.attempts.fullUntil(who, 'challenge');
    if (until === null) await running.begin(req);
    return until;
  }

  /** True where the factor must begin before it can be proven: whatever it sends has not been sent for this purpose. */
  mustBegin(req: Request, factor: ActiveFactor, purpose: ChallengePurpose): boolean {
    const challenge = this.ports.signIns.visitor(req)?.signIn.challenge;
    return (
      factor.running.begin !== undefined &&
      (challenge?.factor !== factor.definition.id || challenge.purpose !== purpose || challenge.state === null)
    );
  }

  /** Who hands text messages over; null where nobody can. */
  texts(): TextCarrier | null {
    for (const { running } of this.factors.values()) if (running.texts) return running.texts;
    return null;
  }

  /** How what factors depend on is doing, by factor. */
  async health(): Promise<Record<string, FactorHealth>> {
    const states: Record<string, FactorHealth> = {};
    for (const { definition, running } of this.factors.values()) {
      const state = await running.health?.();
      if (state) states[definition.id] = state;
    }
    return states;
  }

  /** The pages that factors have for staff. */
  staffTabs(): { href: string; key: string; textKey: string; permission: Permission }[] {
    return [...this.factors.values()].flatMap(({ definition: { id }, running: { staff } }) =>
      staff
        ? [
            {
              href: `/staff/factors/${id}`,
              key: `${id}.staff.tab`,
              textKey: `${id}.staff.tabText`,
              permission: staff.permission,
            },
          ]
        : [],
    );
  }

  /** Ends what factors keep open. */
  async stop(): Promise<void> {
    for (const { running } of this.factors.values()) await running.stop?.();
  }

  /** Tells every factor what happened to another, without their knowing each other. */
  async tell(event: FactorEvent): Promise<void> {
    for (const factor of this.factors.values()) {
      if (factor.definition.id !== event.factor) await factor.running.hear?.(event);
    }
  }

  /** Lets a factor undo what it keeps outside an enrolment that is gone. Never in the way of a removal or a reset. */
  async release(person: Person, row: EnrolmentRow): Promise<void> {
    try {
      await this.factors.get(row.factor)?.running.release?.(person, asEnrolment(row));
    } catch (error) {
      this.ports.log.error({ err: error, factor: row.factor, person: person.id }, 'factor not released');
    }
  }

  /** Lets every factor drop what it keeps of somebody who is removed. */
  async forget(personId: string): Promise<void> {
    for (const { running } of this.factors.values()) await running.forget?.(personId);
  }

  /** After the policy has begun a new enrolment epoch: whoever was enrolled is not any more, and no deadline of their own holds. */
  async beginEpoch(kind: PersonKind): Promise<void> {
    await this.ports.people.endGraceOfAll(kind);
    await this.ports.people.noteNobodyEnrolled(kind);
    // Who was quick has set up already; what was noted of them is gone with the others' now.
    const { enrolmentEpoch } = await this.policies.of(kind);
    for (const id of await this.enrolments.peopleOf(enrolmentEpoch)) {
      const person = await this.ports.people.byId(id);
      if (person?.kind === kind) await this.noteState(person);
    }
  }

  /** Keeps the person's state for lists and reports. */
  async noteState(person: Person): Promise<void> {
    const facts = await this.facts(person);
    const enrolled = facts.enrolments.some(
      (one) => one.role !== 'recovery' && one.epoch === facts.policy.enrolmentEpoch,
    );
    await this.ports.people.noteMfaState(person.id, enrolled ? 'enrolled' : 'none');
  }
}

const parkedKey = ({ purpose, factor }: { purpose: string; factor: string }) => `${purpose} ${factor}`;

/** Too many tries, as the challenge page says it. */
export function tooManyTries(retryAt: Date, res: Response): ProofRefusal {
  const { key, params, retryAfterSeconds = 60 } = throttledUntil(retryAt, res, 'code-throttled');
  return { key, params, status: 429, retryAfterSeconds };
}

/** The page's translator. */
export function translateOf(res: Response): Translate {
  return res.locals['t'] as Translate;
}
