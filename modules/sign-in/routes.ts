import { Router, type Request, type Response } from 'express';
import type { PassportRegistry } from '../platform/http/authenticate.ts';
import { z } from 'zod';
import { Refused } from '../kernel/errors.ts';
import type { Audit, Gate, Throttle, Translate } from '../kernel/ports.ts';
import { authenticate } from '../platform/http/authenticate.ts';
import type { Cookies } from '../platform/http/cookies.ts';
import type { Flash } from '../platform/http/flash.ts';
import {
  bodyField,
  emptyForm,
  line,
  readForm,
  readQuery,
  returnQuery,
  secretField,
  refusedForm,
  refusedStatus,
} from '../platform/http/forms.ts';
import { throttledUntil } from '../platform/http/throttled.ts';
import { safeReturnTo } from '../platform/http/return-to.ts';
import { countPasswordTry, giveBack } from './password-tries.ts';
import type { KnownDevices } from './known-devices.ts';
import type { SignInService } from './sign-ins.ts';

const signInForm = z.object({
  email: line(254),
  password: secretField,
});

export interface SignInRoutePorts {
  signIns: SignInService;
  gate: Gate;
  passport: PassportRegistry;
  throttle: Throttle;
  audit: Audit;
  flash: Flash;
  cookies: Cookies;
  sessionCookie: string;
  emailKey(email: string): string;
  knownDevices: KnownDevices;
  onAccountFull(emailKey: string): Promise<void>;
  accountOf(email: string): Promise<{ id: string; disabled: boolean } | null>;
}

/** Sign-in and sign-out. */
export function signInRoutes(ports: SignInRoutePorts): Router {
  const router = Router();
  const { signIns, gate, audit } = ports;

  router.get('/sign-in', (req, res) => {
    if (signIns.visitor(req)?.signIn.state === 'satisfied') {
      res.redirect(303, '/');
      return;
    }
    const returnTo = safeReturnTo(readQuery(req, returnQuery).returnTo);
    const t = res.locals['t'] as Translate;
    const notice = returnTo === null || res.locals['flash'] ? null : t('signIn.notice.required');
    res.render('sign-in/sign-in', { form: emptyForm, returnTo, notice });
  });

  router.post('/sign-in', async (req, res) => {
    // passport-local would read credentials from the address too, where logs and histories keep them (ASVS 14.2.1).
    if (Object.keys(req.query).length > 0) throw new Refused('bad-request');
    const form = readForm(req, signInForm);
    if (!form.ok) {
      refuse(req, res, form.refusals);
      return;
    }
    const account = ports.emailKey(form.fields.email);
    const device = await ports.knownDevices.find(req, account);
    const counted = await countPasswordTry(ports, { address: req.ip ?? '', account, device });
    if (counted.marks === null) {
      const code = counted.full === 'account' ? 'sign-in-throttled' : 'password-throttled';
      refuse(req, res, [throttledUntil(counted.retryAt, res, code)]);
      return;
    }
    const proof = await authenticate(ports.passport, 'local', req, res).catch(async (error: unknown) => {
      // Nothing was checked: a full queue must not use up anybody's tries.
      await giveBack(counted.marks);
      throw error;
    });
    if (!proof.right) {
      await recordRefusal(form.fields.email);
      refuse(req, res, [new Refused('sign-in-credentials')]);
      return;
    }
    ports.knownDevices.mark(req, res);
    const [signIn] = await Promise.all([
      signIns.begin(req, proof.person, { returnTo: safeReturnTo(bodyField(req, 'returnTo')) }),
      giveBack(counted.marks),
    ]);
    await audit.record({
      event: 'sign-in.password-accepted',
      outcome: 'success',
      actor: { kind: 'person', id: proof.person.id },
      target: { kind: 'person', id: proof.person.id },
      signInId: signIn.id,
    });
    res.redirect(303, await gate.open(req));
  });

  // Looked up for known and unknown addresses alike, after the hash: the audit knows more than the answer tells.
  async function recordRefusal(email: string): Promise<void> {
    const account = await ports.accountOf(email);
    await audit.record({
      event: 'sign-in.refused',
      outcome: 'failure',
      actor: { kind: 'anonymous' },
      reason: account === null ? 'unknown-address' : account.disabled ? 'disabled' : 'wrong-password',
      ...(account === null ? {} : { target: { kind: 'person', id: account.id } }),
    });
  }

  router.post('/sign-out', async (req, res) => {
    await signIns.end(req, 'signed-out');
    ports.cookies.expire(res, ports.sessionCookie);
    // Not "cookies": that would also delete the cookies of sibling hosts.
    res.set('Clear-Site-Data', '"cache", "storage"');
    ports.flash.set(res, { kind: 'success', key: 'signIn.notice.signedOut' });
    res.redirect(303, '/sign-in');
  });

  return router;
}

function refuse(req: Request, res: Response, refusals: Refused[]): void {
  const form = refusedForm({ req, keep: ['email'], refusals, t: res.locals['t'] as Translate });
  refusedStatus(res, refusals).render('sign-in/sign-in', {
    form,
    returnTo: safeReturnTo(bodyField(req, 'returnTo')),
    notice: null,
  });
}
