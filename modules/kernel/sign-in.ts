import type { Request, RequestHandler, Response } from 'express';
import { Refused } from './errors.ts';
import type { Person, PersonKind } from './person.ts';

export type SignInState = 'password' | 'satisfied' | 'ended';
export type ChallengePurpose = 'signIn' | 'stepUp' | 'disable';

/** The running question of a sign-in: which factor, for what, and the factor's private state (a sent code, say). */
export interface RunningChallenge {
  purpose: ChallengePurpose;
  factor: string;
  startedAt: Date;
  state: unknown;
  /** What factors keep of earlier questions, by purpose and factor, for when one moves back: a code that was sent is not sent again. */
  parked?: Readonly<Record<string, unknown>>;
}

/** What is left to do after the proof: the end of a forced set-up, or a recovery factor that everybody must have. */
export interface LastSteps {
  factor: string;
  /** The factor was set up in this sign-in. */
  enrolled: boolean;
}

/** The life of one sign-in, from the right password to sign-out. `ended` never reverts. */
export interface SignIn {
  id: string;
  personId: string;
  state: SignInState;
  sessionKey: string;
  sessionEpoch: number;
  rev: number;
  challenge: RunningChallenge | null;
  lastSteps: LastSteps | null;
  createdAt: Date;
  satisfiedAt: Date | null;
  /** The last full proof by this person in this sign-in; step-up looks at it. */
  freshAt: Date | null;
  lastSeenAt: Date;
  endedAt: Date | null;
  endReason: string | null;
  /** How the person proved themselves, in order: `password`, then factor ids. */
  methods: string[];
  userAgent: string;
  address: string;
  returnTo: string | null;
}

/** How a sign-in is marked that a trusted browser let through: it stands for no factor (NIST SP 800-63B-4 5.1). */
export const trustedDeviceMethod = 'trusted-device';

/** True once a factor, and not only the password, was proven in this sign-in. */
export function hasProvenFactor(signIn: SignIn): boolean {
  return signIn.methods.some((method) => method !== 'password' && method !== trustedDeviceMethod);
}

/** True where the last proof of this sign-in, the one that makes it fresh, was by a factor and not by the password. */
export function lastProvenByFactor(signIn: SignIn): boolean {
  return hasProvenFactor({ ...signIn, methods: signIn.methods.slice(-1) });
}

/** A request's person and sign-in, checked: live, in time, of the current epoch. */
export interface Visitor {
  person: Person;
  signIn: SignIn;
}

/** What the factor engine needs of sign-ins. Every change is one conditional write on one document. */
export interface SignIns {
  /** The request's visitor, half signed in or satisfied; null for anybody else. */
  visitor(req: Request): Visitor | null;
  /** Puts a question to the request's sign-in. Null: the sign-in moved on meanwhile. */
  ask(req: Request, challenge: RunningChallenge): Promise<SignIn | null>;
  /** Stores the factor's private challenge state if nobody changed the sign-in since this request read it. */
  swapChallenge(req: Request, state: unknown): Promise<SignIn | null>;
  /** Reads the request's sign-in anew, after others may have changed it. Null: it is over. */
  reload(req: Request): Promise<SignIn | null>;
  /**
   * Makes a half-signed-in visitor a satisfied one, with a new session id. `reason` is the policy's, for the audit; `fresh` says
   * whether the person was proven: now (the default), not at all, or in an earlier step, whose time counts. Null: lost the race, or over.
   */
  satisfy(
    req: Request,
    method: string | null,
    why: { reason: string; fresh?: 'now' | 'not' | 'as before' },
  ): Promise<SignIn | null>;
  /** Notes a fresh proof (step-up), with a new session id. */
  refresh(req: Request, method: string, lastSteps?: LastSteps): Promise<SignIn | null>;
  /** Ends all sign-ins of the person but this one, which gets a new session id. One that was ended itself meanwhile throws `Refused('sign-in-expired')`. */
  endOthers(req: Request, reason: string): Promise<void>;
  /** Ends the person's sign-ins that a trusted browser opened, and those still under way; the request's own goes on. */
  endTrusted(req: Request, reason: string): Promise<void>;
  /** Ends the request's sign-in. */
  end(req: Request, reason: string): Promise<void>;
  /** Sends the visitor to confirm that it is them, and back afterwards. */
  askToConfirm(req: Request, res: Response): void;
  /** Lets a request pass only with a proof not older than five minutes; else answers with the step-up page. */
  freshly: RequestHandler;
}

/** The request's person where they are fully signed in; throws for anybody else. */
export function signedIn(signIns: Pick<SignIns, 'visitor'>, req: Request): Visitor {
  const visitor = signIns.visitor(req);
  if (visitor?.signIn.state !== 'satisfied') throw new Refused('sign-in-expired');
  return visitor;
}

/** Where each audience begins. */
export const firstPages: Readonly<Record<PersonKind, string>> = { contact: '/home', staff: '/staff' };

/** Where somebody goes who is now signed in: to what they had asked for, else to their first page, without a detour. */
export function pageAfterSignIn(signIn: Pick<SignIn, 'returnTo'>, person: Pick<Person, 'kind'>): string {
  return signIn.returnTo ?? firstPages[person.kind];
}
