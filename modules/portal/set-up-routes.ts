import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { isRefused, Refused } from '../kernel/errors.ts';
import type { Audit, Ceiling, Gate, Throttle } from '../kernel/ports.ts';
import type { SetUp } from '../accounts/set-up.ts';
import { parseEmail } from '../accounts/passwords/email.ts';
import type { PasswordHasher } from '../accounts/passwords/password-hasher.ts';
import { checkNewPassword } from '../accounts/passwords/password-rules.ts';
import { countCodePoints, longestPassword } from '../accounts/passwords/password-text.ts';
import { passwordLengths } from '../mfa/gate.ts';
import { translateOf } from '../mfa/engine.ts';
import type { Cookies } from '../platform/http/cookies.ts';
import { emptyForm, line, readForm, refusedForm, refusedStatus, type FormView } from '../platform/http/forms.ts';
import { throttledUntil } from '../platform/http/throttled.ts';
import { addressKey } from '../platform/throttle.ts';
import type { SignInService } from '../sign-in/sign-ins.ts';

const cookie = 'gatehouse-set-up';
const ceiling: Ceiling = { tries: 20, windowSeconds: 900 };

const setUpForm = z.object({
  name: line(100),
  email: z.string().superRefine((text, context) => {
    if (text.trim() === '') context.addIssue({ code: 'custom', message: 'field-required' });
    else if (!parseEmail(text)) context.addIssue({ code: 'custom', message: 'field-email' });
  }),
  password: z.string().min(1, 'field-required'),
});

export interface SetUpRoutePorts {
  setUp: SetUp;
  hasher: PasswordHasher;
  signIns: SignInService;
  gate: Gate;
  audit: Audit;
  throttle: Throttle;
  cookies: Cookies;
  siteName: string;
}

/** The one-time set-up of a new portal. The token leaves the address at the first hit, for a cookie of this browser. */
export function setUpRoutes(ports: SetUpRoutePorts): Router {
  const router = Router();
  const { setUp, cookies } = ports;

  router.get('/set-up/:token', (req, res) => {
    const token = req.params.token;
    if (!/^[A-Za-z0-9_-]{43}$/.test(token)) throw new Refused('not-found');
    cookies.write(res, cookie, token);
    res.redirect(303, '/set-up');
  });

  router.get('/set-up', async (req, res) => {
    const token = cookies.read(req, cookie);
    if (token !== null && (await setUp.isOpen(token))) show(res, emptyForm);
    else res.status(403).render('set-up/closed');
  });

  router.post('/set-up', async (req, res) => {
    const mark = await ports.throttle.take(['set-up', addressKey(req.ip ?? '')], ceiling);
    if (!mark.allowed) throw throttledUntil(mark.retryAt, res, 'throttled');
    const token = cookies.read(req, cookie);
    if (token === null || !(await setUp.isOpen(token))) {
      res.status(403).render('set-up/closed');
      return;
    }
    const form = readForm(req, setUpForm);
    const refusals = form.ok
      ? [...(await emailRefusals(form.fields.email)), ...passwordRefusals(form.fields)]
      : form.refusals;
    if (!form.ok || refusals.length > 0) {
      refuse(req, res, refusals);
      return;
    }
    try {
      await create(req, res, token, form.fields);
    } catch (error) {
      // Somebody else took the address since it was looked for.
      if (!isRefused(error, 'field-taken')) throw error;
      refuse(req, res, [error]);
    }
  });

  async function emailRefusals(email: string): Promise<Refused[]> {
    const address = parseEmail(email);
    return address && (await setUp.isTaken(address.key)) ? [new Refused('field-taken', { field: 'email' })] : [];
  }

  function passwordRefusals(fields: { name: string; email: string; password: string }): Refused[] {
    const context = [ports.siteName, fields.name, fields.email];
    const refused = checkNewPassword({ password: fields.password, minLength: passwordLengths.alone, context });
    return refused ? [refused] : [];
  }

  async function create(
    req: Request,
    res: Response,
    token: string,
    fields: { name: string; email: string; password: string },
  ): Promise<void> {
    const address = parseEmail(fields.email);
    if (!address) throw new Refused('bad-request');
    const password = await ports.hasher.hash(fields.password);
    const short = countCodePoints(fields.password.normalize('NFC')) < passwordLengths.alone;
    const person = await setUp.complete(token, {
      name: fields.name,
      email: address.email,
      emailKey: address.key,
      password,
      short,
    });
    cookies.expire(res, cookie);
    if (!person) {
      res.status(403).render('set-up/closed');
      return;
    }
    const who = { kind: 'person' as const, id: person.id };
    await ports.audit.record({ event: 'set-up.completed', outcome: 'success', actor: who, target: who });
    await ports.signIns.begin(req, person, { returnTo: null });
    res.redirect(303, await ports.gate.open(req));
  }

  return router;
}

function refuse(req: Request, res: Response, refusals: readonly Refused[]): void {
  refusedStatus(res, refusals);
  show(res, refusedForm({ req, keep: ['name', 'email'], refusals, t: translateOf(res) }));
}

function show(res: Response, form: FormView): void {
  res.render('set-up/set-up', { form, minLength: passwordLengths.alone, maxLength: longestPassword });
}
