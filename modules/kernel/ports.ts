import type { Request, Response } from 'express';
import type { MessageParams, Refused } from './errors.ts';
import type { Language, MfaState, Permission, Person, PersonKind } from './person.ts';
import type { Visitor } from './sign-in.ts';

/** The one source of time. Tests inject their own. */
export interface Clock {
  now(): Date;
}

/** Authenticated encryption for what must be readable again. `context` is bound in as associated data. */
export interface Sealer {
  seal(plain: string, context: readonly string[]): string;
  /** Throws when the text was changed, belongs to another context, or its key is gone. */
  open(sealed: string, context: readonly string[]): string;
  /** True when the text was sealed with an older key and ought to be sealed again. */
  isStale(sealed: string): boolean;
}

/** Keyed fingerprints (HMAC-SHA-256) for look-ups, so that the database alone does not tell what was looked up. */
export interface Fingerprint {
  of(...parts: readonly string[]): string;
}

export interface Ceiling {
  tries: number;
  windowSeconds: number;
}

/** One counted try. `isFirst` marks the first refusal of a window, the one worth a line in the audit. `giveBack` removes exactly this mark, for tries that turned out right. */
export type Mark = { allowed: true; giveBack(): Promise<void> } | { allowed: false; retryAt: Date; isFirst: boolean };

/** Exact sliding windows in the database; every try is counted before it is checked. */
export interface Throttle {
  take(key: readonly string[], ceiling: Ceiling): Promise<Mark>;
  /** Takes one after the other and stops at the first refusal, which is then the last of the marks; one write where there is none. */
  takeInOrder(tries: readonly (readonly [key: readonly string[], ceiling: Ceiling])[]): Promise<Mark[]>;
  /** When the next try is free; null where one is free now. Counts nothing. */
  fullUntil(key: readonly string[], ceiling: Ceiling): Promise<Date | null>;
  /** Forgets every try. False: there were none. */
  clear(key: readonly string[], ceiling: Ceiling): Promise<boolean>;
}

/** How a message leaves. */
export type Channel = 'mail' | 'text';

export interface OutgoingMessage {
  channel: Channel;
  /** What it is about, for lists and the log: `notice.password-changed`, say. */
  kind: string;
  /** One plain address or number. */
  to: string;
  subject: string;
  text: string;
  html: string | null;
  /** A second message with the same words here is not taken: for work that may be done twice. */
  once?: string;
  /** After this moment it is worth nothing and is dropped, not sent late. What it said is then forgotten, and nobody can retry it. */
  until?: Date;
  /** How often it may be tried at most; not given: for about a day. */
  tries?: number;
}

/** What became of handing one message over. `unknown`: somebody may have it, so nobody sends it again by itself. */
export type Handover =
  | { fate: 'accepted'; late: boolean }
  /** Nobody has it. `permanent`: no later try will do better. */
  | { fate: 'refused'; fault: string; permanent: boolean }
  | { fate: 'unknown'; fault: string };

/** What whoever waits for a message is told. `withdrawn`: nobody had taken it up in time, and now nobody will. */
export type Sending = 'accepted' | 'late' | 'refused' | 'unknown' | 'withdrawn';

/** Takes messages in the request; they are sent later, so that no answer waits for a server. */
export interface Outbox {
  /** Durable once it resolves. Throws for anything but one recipient and one line of subject. Gives the message's id. */
  enqueue(message: OutgoingMessage): Promise<string>;
  /** True where a message with these words in `once` was taken already. */
  has(once: string): Promise<boolean>;
  /** Waits for what becomes of a message; one that nobody took up within that time is withdrawn. */
  settle(id: string, withinMs: number): Promise<Sending>;
}

/** A text message as a gateway gets it. */
export interface TextMessage {
  /** Stays the same whatever happens: what providers know as an idempotency key. */
  id: string;
  /** E.164. */
  to: string;
  text: string;
  kind: string;
  /** After this moment it is worth nothing. */
  until?: Date | null;
}

/** Who hands text messages over. */
export interface TextCarrier {
  /** True where messages are kept to be looked at instead of sent: a portal under development. */
  keeps: boolean;
  /** Resolves in less than five seconds. What it throws was taken by nobody; where that can't be told, it answers `unknown`. */
  deliver(message: TextMessage): Promise<Handover>;
}

/** What staff are told by mail of something that a factor saw: catalogue keys of the factor, and the page to look at. */
export interface FactorNotice {
  heading: string;
  text: string;
  params?: MessageParams;
  path: string;
  /** A second one with the same words here is not sent. */
  once?: string;
}

/** Mails that factors ask for, in each reader's language. */
export interface Notifier {
  /** To every member of staff who may do this. */
  tellStaff(permission: Permission, notice: FactorNotice): Promise<void>;
}

export interface AuditEntry {
  event: string;
  outcome: 'success' | 'failure';
  actor: { kind: 'person' | 'command' | 'portal' | 'anonymous'; id?: string };
  target?: { kind: 'person' | 'company' | 'enrolment' | 'policy' | 'portal'; id: string };
  /** Why, as a short code or a sentence that staff typed. Never a secret. */
  reason?: string;
  factor?: string;
  signInId?: string;
  detail?: Record<string, string | number | boolean | null>;
}

export interface Audit {
  record(entry: AuditEntry): Promise<void>;
}

/** A lock that is held; called, it is released. A write that must not come late asks for the token on the person, as `lock.token`. */
export type PersonLock = (() => Promise<void>) & { readonly token: string };

/** What sign-in and the engine need of people. */
export interface People {
  byId(id: string): Promise<Person | null>;
  /**
   * Raises the session epoch: every sign-in of the person is over at its next request, and a change of address that one of them wanted is
   * given up. With `seen`, for a sign-in of that epoch that goes on itself: the wish stays, and null says that somebody else has raised the
   * epoch meanwhile, so that the asking one is over too.
   */
  endAllSignIns(personId: string, seen?: number): Promise<number | null>;
  noteSignIn(personId: string): Promise<void>;
  /** Waits for its turn to change what hangs on the person. A holder that died loses it after half a minute. Throws `Refused('not-found')`. */
  lock(personId: string): Promise<PersonLock>;
  /** Ends a running grace: after a reset, or a word of their own, the next sign-in asks. */
  endGrace(personId: string): Promise<void>;
  /** Ends the deadlines of everybody of an audience. */
  endGraceOfAll(kind: PersonKind): Promise<void>;
  /** Kept on the person for lists and reports; nothing joins collections at read time. */
  noteMfaState(personId: string, state: MfaState): Promise<void>;
  /** Nobody of an audience has a second step any more: everybody is to set up anew. */
  noteNobodyEnrolled(kind: PersonKind): Promise<void>;
}

export type Translate = (key: string, params?: MessageParams) => string;

/** Texts in a language, outside of any page: for what is sent. */
export type Texts = (language: Language) => Translate;

/** The policy's answer for one person, with the reason that pages show and the audit keeps. */
export type Decision =
  | { outcome: 'satisfied'; reason: string; recommended: boolean; daysLeft?: number }
  | { outcome: 'verify'; reason: string; factors: readonly string[]; retired: boolean }
  | { outcome: 'enrol'; reason: string; factors: readonly string[] }
  | { outcome: 'blocked'; reason: string };

/** What sign-in needs of the engine: may this person in, and where do they go if not yet. */
export interface Gate {
  /** After the right password, in its POST: lets the person in or starts the question that is due. Gives the next page. */
  open(req: Request): Promise<string>;
  /** The page that a visitor must go to before any other; null when nothing stands in the way. Checked at every request. */
  nextStep(req: Request, visitor: Visitor): Promise<string | null>;
}

/** Slow hashes of what people type, behind one bounded queue: the pool of threads is the portal's, not a factor's. */
export interface SlowHash {
  hash(plain: string): Promise<{ hash: string; pepper: string }>;
  /** Costs one hash whatever the answer. */
  verify(record: { hash: string; pepper: string } | null, plain: string): Promise<{ right: boolean }>;
}

/** What the engine needs of passwords: step-up for people without a factor. */
export interface PasswordProof {
  /** Counts the try like a sign-in's. Nothing to refuse: it was right. */
  check(req: Request, res: Response, person: Person, password: string): Promise<Refused[]>;
}
