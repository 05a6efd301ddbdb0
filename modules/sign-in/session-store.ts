import { createHash } from 'node:crypto';
import { Store, type SessionData } from 'express-session';
import type { Model } from 'mongoose';
import type { SignIn } from '../kernel/sign-in.ts';
import { rowsOf } from '../platform/mongo.ts';
import { asSignIn, type SignInRow } from './sign-in-model.ts';

declare module 'express-session' {
  interface SessionData {
    signIn?: SignIn;
  }
}

/** What the database keeps of a session id. */
export function sessionKeyOf(sessionId: string): string {
  return createHash('sha256').update(sessionId).digest('base64url');
}

/**
 * A session is a sign-in: the store reads the sign-in that the session id leads to, and never writes one. A request in flight can
 * therefore not bring an ended session back (SES-9), anonymous pages store nothing, and no secret can land in a session (SES-15).
 * It has no `touch`: express-session would send each page in two pieces around it.
 */
export class SignInSessionStore extends Store {
  private readonly signIns: Model<SignInRow>;

  constructor(signIns: Model<SignInRow>) {
    super();
    this.signIns = signIns;
  }

  override get(sessionId: string, done: (error: unknown, session?: SessionData | null) => void): void {
    rowsOf(this.signIns)
      .findOne({ sessionKey: sessionKeyOf(sessionId), state: { $in: ['password', 'satisfied'] } })
      .then(
        (row) => {
          done(null, row ? { cookie: { originalMaxAge: null }, signIn: asSignIn(row) } : null);
        },
        (error: unknown) => {
          done(error);
        },
      );
  }

  override set(_sessionId: string, _session: SessionData, done?: (error?: unknown) => void): void {
    done?.();
  }

  override destroy(_sessionId: string, done?: (error?: unknown) => void): void {
    done?.();
  }
}
