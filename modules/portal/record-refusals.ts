import type { ErrorRequestHandler } from 'express';
import { Refused, type RefusalCode } from '../kernel/errors.ts';
import type { Audit } from '../kernel/ports.ts';
import type { SignIns } from '../kernel/sign-in.ts';
import { plainPath, type Log } from '../platform/log.ts';

const events: Partial<Record<RefusalCode, string>> = {
  'form-token': 'csrf.refused',
  'cross-site': 'csrf.refused',
  forbidden: 'access.refused',
  'own-account': 'access.refused',
  'higher-profile': 'access.refused',
  'enrolment-not-allowed': 'access.refused',
  'removal-not-allowed': 'access.refused',
};

/**
 * Notes forged forms and forbidden requests: in the audit where a person is signed in, else in the log alone, so that
 * nobody fills the database without an account.
 */
export function recordRefusals(ports: { signIns: SignIns; audit: Audit; log: Log }): ErrorRequestHandler {
  return async (error: unknown, req, _res, next) => {
    const event = error instanceof Refused ? events[error.code] : undefined;
    if (event === undefined || !(error instanceof Refused)) {
      next(error);
      return;
    }
    const visitor = ports.signIns.visitor(req);
    const detail = { method: req.method, path: plainPath(req.path) };
    if (!visitor) ports.log.warn({ ...detail, reason: error.code }, event);
    else {
      await ports.audit.record({
        event,
        outcome: 'failure',
        actor: { kind: 'person', id: visitor.person.id },
        reason: error.code,
        signInId: visitor.signIn.id,
        detail,
      });
    }
    next(error);
  };
}
