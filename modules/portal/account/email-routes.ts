import { Router, type Response } from 'express';
import { z } from 'zod';
import type { Links } from '../../accounts/links.ts';
import { emailKey, parseEmail } from '../../accounts/passwords/email.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import type { Ceiling, Throttle } from '../../kernel/ports.ts';
import { signedIn } from '../../kernel/sign-in.ts';
import { translateOf, type Engine } from '../../mfa/engine.ts';
import type { Flash } from '../../platform/http/flash.ts';
import { emptyForm, readForm, refusedForm, refusedStatus, type FormView } from '../../platform/http/forms.ts';
import { throttledUntil } from '../../platform/http/throttled.ts';
import type { SignInService } from '../../sign-in/sign-ins.ts';
import type { AskForEmail } from './email-change.ts';

const path = '/account/email';
/** Each may send a mail to whatever address was typed. */
const ceiling: Ceiling = { tries: 5, windowSeconds: 3600 };

const emailForm = z.object({
  email: z.string().superRefine((text, context) => {
    if (text.trim() === '') context.addIssue({ code: 'custom', message: 'field-required' });
    else if (!parseEmail(text)) context.addIssue({ code: 'custom', message: 'field-email' });
  }),
});

export interface EmailRoutePorts {
  links: Links;
  askForEmail: AskForEmail;
  signIns: SignInService;
  engine: Engine;
  throttle: Throttle;
  flash: Flash;
}

/** A person's own e-mail address: another one holds once the link mailed there is opened, and confirmed (REC-8). */
export function emailRoutes(ports: EmailRoutePorts): Router {
  const router = Router();
  const { links, signIns, engine, throttle, flash } = ports;

  router.get(path, engine.freshly, async (req, res) => {
    await show(res, signedIn(signIns, req).person, emptyForm);
  });

  router.post(path, engine.freshly, async (req, res) => {
    const { person, signIn } = signedIn(signIns, req);
    const form = readForm(req, emailForm);
    const address = form.ok ? parseEmail(form.fields.email) : null;
    const refusals = form.ok ? [] : form.refusals;
    // To confirm the one that they have is a wish, too.
    if (address?.email === person.email && person.emailConfirmed)
      refusals.push(new Refused('email-unchanged', { field: 'email' }));
    if (address && refusals.length === 0) {
      const mark = await throttle.take(['email-change', person.id], ceiling);
      if (!mark.allowed) refusals.push(throttledUntil(mark.retryAt, res, 'throttled'));
    }
    if (!address || refusals.length > 0) {
      refusedStatus(res, refusals);
      await show(res, person, refusedForm({ req, keep: ['email'], refusals, t: translateOf(res) }));
      return;
    }
    await ports.askForEmail(person, address, signIn.id);
    // What is pending is said on the page itself, as long as it is pending.
    res.redirect(303, path);
  });

  router.post(`${path}/cancel`, engine.freshly, async (req, res) => {
    const { person } = signedIn(signIns, req);
    if (await links.revoke(person.id, 'emailChange'))
      flash.set(res, { kind: 'success', key: 'account.email.cancelled' });
    res.redirect(303, path);
  });

  async function show(res: Response, person: Person, form: FormView): Promise<void> {
    const pending = await links.wantedEmailOf(person.id);
    res.render('account/email', {
      form,
      current: { address: person.email, confirmed: person.emailConfirmed },
      pending: pending && { ...pending, isCurrent: emailKey(pending.email) === emailKey(person.email) },
    });
  }

  return router;
}
