import { Router, type Response } from 'express';
import { z } from 'zod';
import { parseEmail } from '../../accounts/passwords/email.ts';
import type { Throttle } from '../../kernel/ports.ts';
import { translateOf } from '../../mfa/engine.ts';
import { emptyForm, readForm, refusedForm, refusedStatus, type FormView } from '../../platform/http/forms.ts';
import type { Tasks } from '../../platform/tasks.ts';
import { mayAskForMail } from './link-limits.ts';

const form = z.object({
  email: z.string().superRefine((text, context) => {
    if (text.trim() === '') context.addIssue({ code: 'custom', message: 'field-required' });
    else if (!parseEmail(text)) context.addIssue({ code: 'custom', message: 'field-email' });
  }),
});

/**
 * Asks for a link to a new password. Nobody is looked up here: whose address it is turns out in the background, so text, status,
 * headers and time of the answer are the same for everybody (ENUM-1, ENUM-2).
 */
export function forgotPasswordRoutes(ports: { tasks: Tasks; throttle: Throttle }): Router {
  const router = Router();

  router.get('/forgot-password', (_req, res) => {
    show(res, emptyForm);
  });

  router.post('/forgot-password', async (req, res) => {
    const read = readForm(req, form);
    const address = read.ok ? parseEmail(read.fields.email) : null;
    if (!address) {
      const refusals = read.ok ? [] : read.refusals;
      refusedStatus(res, refusals);
      show(res, refusedForm({ req, keep: ['email'], refusals, t: translateOf(res) }));
      return;
    }
    if (await mayAskForMail(ports.throttle, { address: req.ip ?? '', account: address.key }))
      await ports.tasks.add('forgot-password', { emailKey: address.key });
    res.redirect(303, '/forgot-password/sent');
  });

  router.get('/forgot-password/sent', (_req, res) => {
    res.render('recovery/sent', { text: translateOf(res)('recovery.sent.reset'), pageMode: 'narrow' });
  });

  return router;
}

function show(res: Response, view: FormView): void {
  res.render('recovery/forgot-password', { form: view, pageMode: 'narrow' });
}
