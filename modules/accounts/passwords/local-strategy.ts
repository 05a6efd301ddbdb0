import type { Request } from 'express';
import { Strategy, type VerifyFunction } from 'passport-local';
import { Refused, refusals } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import { parseEmail } from './email.ts';
import type { PasswordHasher, PasswordRecord } from './password-hasher.ts';

export interface Account {
  person: Person;
  password: PasswordRecord | null;
}

export interface LocalStrategyOptions {
  findByEmail(emailKey: string): Promise<Account | null>;
  hasher: PasswordHasher;
  /** Stores `next` only if the record is still `seen`: a password that was changed meanwhile must not come back. */
  rehash(change: { personId: string; seen: PasswordRecord; next: PasswordRecord }): Promise<void>;
  /** Hears why a record was not renewed; the sign-in goes on. */
  onFault?: (error: unknown) => void;
}

/** The one answer for unknown, wrong, disabled and without a password: the same object, so that nothing can tell them apart (ENUM-1). */
export const wrongCredentials = Object.freeze({ message: refusals['sign-in-credentials'].key });

/** Password sign-in for passport: succeeds with the person, fails with `wrongCredentials`, passes on `Refused`. */
export function createLocalStrategy(options: LocalStrategyOptions): Strategy {
  return new PasswordStrategy((email, password, done) => {
    checkCredentials(options, { email, password }).then(
      (person) => {
        if (person) done(null, person);
        else done(null, false, wrongCredentials);
      },
      (error: unknown) => {
        done(error);
      },
    );
  });
}

class PasswordStrategy extends Strategy {
  constructor(verify: VerifyFunction) {
    super({ usernameField: 'email', passwordField: 'password', session: false }, verify);
  }

  // passport-local also reads the query string, which lands in logs and histories, and digs into objects (ASVS 14.2.1, 15.3.7).
  override authenticate(req: Request, options?: object): void {
    const fields = (req.body ?? {}) as { email?: unknown; password?: unknown };
    if ('email' in req.query || 'password' in req.query) {
      this.error(new Refused('bad-request'));
    } else if (typeof fields.email !== 'string' || typeof fields.password !== 'string') {
      this.error(new Refused('bad-request'));
    } else if (fields.email === '' || fields.password === '') {
      // Nobody's account is looked up. passport-local would give another answer and a status of its own here;
      // without a status, which the types do not know, it is the same failure as any other.
      this.fail(wrongCredentials as never);
    } else {
      super.authenticate(req, options);
    }
  }
}

async function checkCredentials(
  options: LocalStrategyOptions,
  { email, password }: { email: string; password: string },
): Promise<Person | null> {
  const address = parseEmail(email);
  const account = address && (await options.findByEmail(address.key));
  const record = account?.password ?? null;
  // Before anything is decided: everybody costs one argon2 run (ENUM-2).
  const verdict = await options.hasher.verify(record, password);
  if (!account || !record || !verdict.right || account.person.disabled) return null;
  if (verdict.stale) {
    try {
      await options.rehash({ personId: account.person.id, seen: record, next: await options.hasher.hash(password) });
    } catch (error) {
      options.onFault?.(error);
    }
  }
  return account.person;
}
