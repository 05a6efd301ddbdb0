import type { Request, RequestHandler, Response, Router } from 'express';
import type { Model, Schema } from 'mongoose';
import type { Strategy } from 'passport';
import type { z } from 'zod';
import type { Ceiling, FactorNotice, Sending, TextCarrier, Throttle, Translate } from './ports.ts';
import type { MessageParams } from './errors.ts';
import type { Permission, Person } from './person.ts';
import type { ChallengePurpose } from './sign-in.ts';

/** Facts for the policy. A factor says what it is, never whether that is enough. */
export interface FactorTraits {
  role: 'primary' | 'recovery';
  /** Lower comes first where several are offered. */
  order: number;
  phishingResistant: boolean;
  /** Restricted in the sense of NIST SP 800-63B-4 3.2.9: never the only choice for staff. */
  restricted: boolean;
}

/** One enrolment as its factor sees it; `state` is the factor's private half. */
export interface Enrolment<State> {
  id: string;
  personId: string;
  status: 'pending' | 'active';
  name: string;
  rev: number;
  createdAt: Date;
  confirmedAt: Date | null;
  lastUsedAt: Date | null;
  state: State;
}

/** The person being asked, and for what. */
export interface Asked {
  person: Person;
  purpose: ChallengePurpose;
  signInId: string;
}

export interface FactorSummary {
  key: string;
  params?: MessageParams;
}

export interface FactorEvent {
  event: 'enrolled' | 'removed' | 'reset';
  factor: string;
  role: FactorTraits['role'];
  personId: string;
}

/** What is stored of a hashed code: an argon2id PHC string with a salt of its own, and the id of the pepper that went into it. */
export interface HashRecord {
  hash: string;
  pepper: string;
}

/** Whose set-up it is. Bound to the sign-in: a secret that one session was shown must never be confirmed in another. */
export interface SetUpOwner {
  personId: string;
  /** Null: begun and confirmed in one request. */
  signInId: string | null;
}

/** A factor's settings under the policy in force: the engine's own three, and what its manifest declares. */
export interface PolicySettings extends Readonly<Record<string, unknown>> {
  enabled: boolean;
  mandatory: boolean;
  afterEnrol: 'continue' | 'signInAgain';
}

/** All that a factor may touch. */
export interface FactorHost<State> {
  enrolments: {
    /** Active ones of this factor and of the current enrolment epoch, oldest first. */
    list(personId: string): Promise<Enrolment<State>[]>;
    /** The running set-up of this very sign-in; null when there is none or it is over 30 minutes old. Nobody else sees or confirms it. */
    pending(owner: SetUpOwner): Promise<Enrolment<State> | null>;
    /** Starts a set-up; the id is known before the state is made, so that secrets can be bound to it. Replaces an earlier pending one. */
    begin(
      person: Person,
      make: (enrolmentId: string) => State,
      name: string,
      signInId?: string | null,
    ): Promise<Enrolment<State>>;
    /** Pending becomes active, once: null when somebody else was first or it is over. */
    confirm(seen: Enrolment<State>, next: { state: State; name: string }): Promise<Enrolment<State> | null>;
    /** Compare-and-set on `rev`: false when the enrolment changed since it was seen. */
    swap(seen: Enrolment<State>, next: State, use?: { used: boolean }): Promise<boolean>;
    /** Drops the running set-up, and the intention that it takes an older one's place. */
    discard(owner: SetUpOwner): Promise<void>;
    /** The next set-up of this sign-in takes the place of an enrolment of this factor, which counts until then. False: it is gone. */
    renew(req: Request, enrolmentId: string): Promise<boolean>;
    /** Which enrolment the set-ups of this sign-in take the place of; null: none. */
    renewing(req: Request): Promise<string | null>;
    /** Whether somebody else of the same company has an active enrolment whose `state.fingerprint` is this one. */
    colleagueHas(person: Person, fingerprint: string): Promise<boolean>;
  };
  challenge: {
    /** The private state of the running challenge of this sign-in and factor; null before the first swap. */
    read(req: Request): unknown;
    swap(req: Request, next: unknown): Promise<boolean>;
    /** Changes the state as it is by now, whoever changed it meanwhile. `change` gives null where there is nothing to store. */
    update(req: Request, change: (state: unknown) => unknown): Promise<void>;
  };
  /** Who is being asked in this request. For strategies; throws outside a challenge. */
  asked(req: Request): Asked;
  /** Whose set-up a request to an enrolment page is about. */
  owner(req: Request): SetUpOwner;
  /** The visitor of an enrolment page. */
  person(req: Request): Person;
  /** Checks the limits, counts the try, runs `check`, and takes the mark back when it was right. For codes typed outside the challenge page. */
  attempt<T>(req: Request, check: () => Promise<T | null>): Promise<T | null>;
  /** The way on after a set-up was confirmed: into the portal, or back to the security page. Sends the answer. */
  enrolled(req: Request, res: Response, enrolment: Enrolment<State>): Promise<void>;
  /** All that `enrolled` does but the answer: for a set-up whose last page shows what is shown once. */
  noteEnrolled(req: Request, enrolment: Enrolment<State>): Promise<void>;
  /** Notes that an enrolment was renewed in place, so that what it was before no longer counts; the person is told by mail. */
  noteRenewed(req: Request, enrolmentId: string): Promise<void>;
  seal(enrolmentId: string, personId: string, plain: string): string;
  open(enrolmentId: string, personId: string, sealed: string): string;
  /** A slow, salted, peppered hash, bound to factor and person, in the portal's one bounded queue. Throws `Refused('busy')` when that is full. */
  hash(personId: string, plain: string): Promise<HashRecord>;
  /** Costs one hash whatever the answer; null is for what has no record. Throws `Refused('busy')` when the queue is full. */
  verifyHash(personId: string, record: HashRecord | null, plain: string): Promise<boolean>;
  /** A keyed fingerprint within this factor. */
  fingerprint(text: string): string;
  /** This factor's settings under the policy of the person's audience, parsed by the manifest's `policy`. */
  policy(person: Person): Promise<PolicySettings>;
  now(): Date;
  siteName: string;
  audit(
    req: Request,
    event: string,
    detail?: { outcome?: 'success' | 'failure'; reason?: string; enrolmentId?: string },
  ): Promise<void>;
  /** The same for what happens outside a visitor's request: in the background, or in a provider's call. */
  auditAlone(
    event: string,
    detail?: {
      outcome?: 'success' | 'failure';
      personId?: string;
      reason?: string;
      detail?: Record<string, string | number | boolean | null>;
    },
  ): Promise<void>;
  freshly: RequestHandler;
  /** For pages of staff: only with this permission, else 403. */
  allow(permission: Permission): RequestHandler;
  translate(req: Request): Translate;
  /** Texts in a person's language, for what is sent to them. */
  textsFor(person: Pick<Person, 'language'>): Translate;
  /** A collection of this factor's own, with its indexes. */
  model<Row>(name: string, schema: Schema<Row>): Model<Row>;
  /** Exact sliding windows; keys are this factor's own. */
  throttle: Throttle;
  /** What the visitor's address is counted by. */
  addressOf(req: Request): string;
  /** Puts a text message into the outbox and waits, less than five seconds, for what becomes of it. `id` is the message's. */
  send(message: { to: string; text: string; kind: string; until: Date }): Promise<{ id: string; sending: Sending }>;
  /** Puts a text message into the outbox; it leaves when it can, within a day. */
  post(message: { to: string; text: string; kind: string }): Promise<string>;
  /** Mails staff. */
  tellStaff(permission: Permission, notice: FactorNotice): Promise<void>;
  /** The address that people type, without a slash at its end. */
  baseUrl(): string;
  personOf(id: string): Promise<Person | null>;
  log: FactorLog;
  /** A small Express app whose views are the factor's own folder, then the shared ones. Mount routes on it or on a Router. */
  router(): Router;
}

/** One line of JSON each; never a secret. */
export interface FactorLog {
  info(about: object, message: string): void;
  warn(about: object, message: string): void;
  error(about: object, message: string): void;
}

/** How what a factor depends on is doing, for the operator. */
export interface FactorHealth {
  state: 'ok' | 'degraded';
  /** For the operator; never a secret. */
  detail: string;
}

/** A text message as it might be sent. */
export interface TextSample {
  kind: string;
  text: string;
  /** Its length in the alphabet of phones (3GPP TS 23.038 6.2.1); null where it holds a character that is not in it. */
  septets: number | null;
}

/** A mail to staff as it might be asked for. */
export interface MailSample {
  /** For its address, as in `budget-used-up`. */
  name: string;
  notice: FactorNotice;
}

export interface RunningFactor {
  /** Registered in passport under the factor's id: succeeds with the asked person, or fails with a catalogue key. Never touches the session. */
  strategy: Strategy;
  /** File name of the partial, in the factor's views, that asks for the proof. */
  field: string;
  /**
   * Runs in the POST that moves the question to this factor, and in each that asks it to begin again (`begin=yes` in the form of the
   * proof). Its state from an earlier move for the same purpose is still there: whether anything is sent is the factor's to decide.
   */
  begin?(req: Request): Promise<void>;
  /** What the partial shows of the running challenge, as its locals, and the second button of the page, which begins again. */
  describe?(req: Request): Promise<{ locals: object; again: { label: string; hint?: string } | null }>;
  /**
   * Under /account/factors/<id>. `GET /` sets one up. The engine has checked that the person may enrol, and freshly.
   * Where signing in waits for the set-up, `res.locals` has `forced: true` and `why`, the policy's sentence; `replaces` is a sentence where an older one is replaced.
   */
  enrolment: Router;
  /** Also under /account/factors/<id>, for what a set-up hands out afterwards: the engine asks for no fresh proof, the factor checks who may. */
  afterwards?: Router;
  /** Under /sign-in/<id>: further steps of a challenge. */
  challenge?: Router;
  /** Under /staff/factors/<id>; a tab of staff's pages leads there, labelled by `<id>.staff.tab`, for whoever has the permission. */
  staff?: { router: Router; permission: Permission };
  /** Under /callbacks/<id>: signed calls from providers, no session. */
  callbacks?: Router;
  /** One line for security pages; never a secret. */
  summarise(personId: string): Promise<FactorSummary | null>;
  /** False when the private half can't be used any more (a key is gone, say): the person is then blocked with a sentence, not asked in vain. */
  sound?(enrolment: Enrolment<unknown>): boolean;
  /**
   * Sets the factor up for a person of the seeded example, and tells what their device then holds. Only `npm run demo` calls it.
   * `secret` (20 bytes) is what a secret on the device is made of, for people of whom there is no list; without it a fresh one is.
   */
  seed?(person: Person, options?: { secret: Uint8Array }): Promise<Readonly<Record<string, unknown>>>;
  /** Begins a set-up in the POST that sends somebody to it, for whom it is the only choice: the next page is then not one more button. */
  beginSetUp?(req: Request): Promise<void>;
  /** What a person may do with an enrolment besides what the engine offers, as links on their security page. */
  actions?(person: Person, enrolment: Enrolment<unknown>): Promise<readonly { key: string; href: string }[]>;
  /** False: people don't put another of this factor in the place of theirs; that is left to staff's reset (S14). */
  mayRenew?(person: Person): Promise<boolean>;
  /** Undoes what lies outside the enrolment when it is removed, replaced or reset. */
  release?(person: Person, enrolment: Enrolment<unknown>): Promise<void>;
  /** Drops what is kept of somebody who is removed from the portal (LOG-4). */
  forget?(personId: string): Promise<void>;
  hear?(event: FactorEvent): Promise<void>;
  /** The portal's text messages leave through here. */
  texts?: TextCarrier;
  health?(): Promise<FactorHealth>;
  /** Samples of what it sends by text, for the gallery of a portal under development; made up, never anybody's. */
  samples?(t: Translate): readonly TextSample[];
  /** Samples of the mails that it asks for with `tellStaff`, made from the same notices. */
  mailSamples?(): readonly MailSample[];
  /** Ends what is kept open, connections say, before the process ends. */
  stop?(): Promise<void>;
}

export interface FactorDefinition<State, Settings extends z.ZodObject, Options> {
  /** The folder's name; lands in URLs, enrolments and audit records. */
  id: string;
  traits: FactorTraits;
  state: Schema<State>;
  /** Environment settings, each described: docs/configuration.md is made from them. */
  settings: Settings;
  /** 'off' takes the factor out; a throw stops the boot with its sentence. */
  configure(values: z.infer<Settings>, portal: { production: boolean }): Options | 'off';
  /** Settings under the policy, each described and with the default of a fresh portal; `presets/<preset>.json` gives a preset's values. */
  policy?: z.ZodObject;
  /** `enrolments`: how many of them a person may have at a time; the engine has an upper limit of its own. */
  limits: { verify: Ceiling; send?: Ceiling; enrolments?: number };
  /** Audit events of its own, written as `<id>.<event>`, each with the sentence that docs/events.md says of it. */
  events: Readonly<Record<string, string>>;
  start(host: FactorHost<State>, options: Options): RunningFactor;
}

/** A definition with its private types erased, as the registry holds it. */
export type AnyFactor = FactorDefinition<unknown, z.ZodObject, unknown>;

/** Types a factor's manifest. Its default export is the one default export of the folder. */
export function defineFactor<State, Settings extends z.ZodObject, Options>(
  definition: FactorDefinition<State, Settings, Options>,
): AnyFactor {
  return definition as unknown as AnyFactor;
}
