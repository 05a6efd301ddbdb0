import type { Request, Response } from 'express';
import type { Passport } from 'passport';

/** Strategies by name; each portal has its own. */
export type PassportRegistry = InstanceType<typeof Passport>;
import type { MessageParams } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';

export interface Failure {
  key: string;
  params?: MessageParams;
}

export type Proof = { right: true; person: Person } | { right: false; failure: Failure | null };

/**
 * Runs a registered strategy by its name and gives back what it found; nothing is stored in the session. A strategy passed as an
 * instance would be shared by concurrent requests, and one would get the other's person.
 */
export function authenticate(
  passport: PassportRegistry,
  strategy: string,
  req: Request,
  res: Response,
): Promise<Proof> {
  return new Promise((resolve, reject) => {
    const done = (error: unknown, user?: unknown, info?: unknown) => {
      if (error !== null && error !== undefined)
        reject(error instanceof Error ? error : new Error('A strategy failed.', { cause: error }));
      else if (user) resolve({ right: true, person: user as Person });
      else resolve({ right: false, failure: asFailure(info) });
    };
    const handle = passport.authenticate(strategy, { session: false }, done) as (
      req: Request,
      res: Response,
      next: (error?: unknown) => void,
    ) => void;
    handle(req, res, (error?: unknown) => {
      reject(error instanceof Error ? error : new Error(`The strategy ${strategy} passed the request on.`));
    });
  });
}

function asFailure(info: unknown): Failure | null {
  const first: unknown = Array.isArray(info) ? info[0] : info;
  return typeof first === 'object' && first !== null && 'key' in first && typeof first.key === 'string'
    ? (first as Failure)
    : null;
}
