import type { RequestHandler } from 'express';
import { Refused } from '../kernel/errors.ts';
import type { Gate } from '../kernel/ports.ts';
import type { Flash } from '../platform/http/flash.ts';
import type { Over, SignInService } from './sign-ins.ts';

/** What anybody may ask for. Everything else needs a satisfied sign-in: what is not named here is closed (ASVS 8.2.1). */
export const openToAll: readonly RegExp[] = [
  /^\/$/,
  /^\/healthz(?:\/detail)?$/,
  /^\/brand\.css$/,
  /^\/favicon\.ico$/,
  /^\/robots\.txt$/,
  /^\/assets\/[a-z0-9.-]+$/,
  /^\/sign-in$/,
  /^\/sign-out$/,
  /^\/forgot-password(?:\/sent)?$/,
  // Whatever stands where the token should: a garbled link gets the page that says so.
  /^\/(?:reset-password|invitation|unlock|email\/(?:confirm|undo))(?:\/[^/]{1,200})?$/,
  /^\/set-up(?:\/[A-Za-z0-9_-]+)?$/,
  /^\/dev\/outbox(?:\.json)?$/,
  /^\/dev\/gallery(?:\/[a-z0-9.-]+)?$/,
  /^\/callbacks\/[a-z0-9-]+(?:\/|$)/,
];

/** What the half-signed-in may ask for besides: the steps of the sign-in itself (SES-3). */
export const openHalfway: readonly RegExp[] = [/^\/sign-in\/[a-z0-9/-]+$/];

/** And the set-up of a factor, only where the policy says that they must set one up now. */
export const openToEnrol: readonly RegExp[] = [/^\/account\/factors\/[a-z0-9-]+(?:\/[a-z0-9./-]*)?$/];

/** Where the steps of a sign-in after the password are; a satisfied visitor has no business there. */
const signInSteps = '/sign-in/';

const notices: Readonly<Record<Over, string>> = {
  'pending-expired': 'signIn.refused.expired',
  'overall-limit': 'signIn.notice.expired',
  'idle-limit': 'signIn.notice.expired',
  revoked: 'signIn.notice.ended',
  'account-closed': 'signIn.notice.ended',
};

const matches = (patterns: readonly RegExp[], path: string) => patterns.some((pattern) => pattern.test(path));

/** The one gate in front of every page: lets the satisfied through, sends the others to their next step. */
export function accessGuard(ports: { signIns: SignInService; gate: Gate; flash: Flash }): RequestHandler {
  const { signIns, gate } = ports;

  return async (req, res, next) => {
    if (matches(openToAll, req.path)) {
      next();
      return;
    }
    const visitor = signIns.visitor(req);
    const step = visitor ? await gate.nextStep(req, visitor) : '/sign-in';
    if (visitor && step === null) {
      if (req.path.startsWith(signInSteps)) res.redirect(303, '/');
      else next();
    } else if (visitor?.signIn.state === 'password' && matches(openHalfway, req.path)) {
      next();
    } else if ((step === '/sign-in/enrol' || step === '/sign-in/done') && matches(openToEnrol, req.path)) {
      next();
    } else if (visitor && req.path === step) {
      next();
    } else if (req.method === 'GET' || req.method === 'HEAD') {
      const over = signIns.over(req);
      if (over !== null) ports.flash.set(res, { kind: 'warning', key: notices[over] });
      res.redirect(303, visitor ? (step ?? '/') : signInWith(req.originalUrl));
    } else {
      next(new Refused('sign-in-expired'));
    }
  };
}

function signInWith(address: string): string {
  return address.length > 400 ? '/sign-in' : `/sign-in?returnTo=${encodeURIComponent(address)}`;
}
