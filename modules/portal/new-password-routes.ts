import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Accounts } from '../accounts/people.ts';
import type { PasswordHasher, PasswordRecord } from '../accounts/passwords/password-hasher.ts';
import { Refused } from '../kernel/errors.ts';
import type { Person } from '../kernel/person.ts';
import type { Audit } from '../kernel/ports.ts';
import type { Visitor } from '../kernel/sign-in.ts';
import { passwordLengths } from '../mfa/gate.ts';
import { translateOf } from '../mfa/engine.ts';
import type { Flash } from '../platform/http/flash.ts';
import { emptyForm, readForm, refusedForm, refusedStatus, type FormView } from '../platform/http/forms.ts';
import type { SignInService } from '../sign-in/sign-ins.ts';
import { refuseNewPassword, storedPassword } from './new-password.ts';

const newPasswordForm = z.object({ newPassword: z.string().min(1, 'field-required') });

/** Asks for a longer password once the policy no longer makes up for a short one; the gate lets nobody past it. */
export function newPasswordRoutes(ports: {
  accounts: Accounts;
  hasher: PasswordHasher;
  signIns: SignInService;
  audit: Audit;
  flash: Flash;
  siteName: string;
}): Router {
  const router = Router();
  const { accounts, hasher, signIns } = ports;

  function visitorOf(req: Request): Visitor {
    const visitor = signIns.visitor(req);
    if (visitor?.signIn.state !== 'satisfied' || !visitor.person.passwordShort) throw new Refused('not-found');
    return visitor;
  }

  // The page follows the sign-in at once; a session that somebody left open must not change the password.
  async function isStale(req: Request, res: Response): Promise<boolean> {
    if (signIns.isFresh(req)) return false;
    await signIns.end(req, 'proof-too-old');
    res.redirect(303, '/sign-in');
    return true;
  }

  router.get('/sign-in/new-password', async (req, res) => {
    visitorOf(req);
    if (!(await isStale(req, res))) show(res, emptyForm);
  });

  router.post('/sign-in/new-password', async (req, res) => {
    const { person } = visitorOf(req);
    if (await isStale(req, res)) return;
    const form = readForm(req, newPasswordForm);
    const seen = await accounts.passwordOf(person.id);
    const refusals = form.ok ? await check(form.fields.newPassword, person, seen) : form.refusals;
    if (!form.ok || !seen || refusals.length > 0) {
      refusedStatus(res, refusals);
      show(res, refusedForm({ req, keep: [], refusals, t: translateOf(res) }));
      return;
    }
    const epoch = await accounts.changePassword(person.id, seen, await storedPassword(hasher, form.fields.newPassword));
    if (epoch === null) throw new Refused('challenge-expired');
    await signIns.adopt(req, epoch);
    const who = { kind: 'person' as const, id: person.id };
    await ports.audit.record({
      event: 'password.changed',
      outcome: 'success',
      actor: who,
      target: who,
      reason: 'too-short',
    });
    ports.flash.set(res, { kind: 'success', key: 'password.new.done' });
    res.redirect(303, '/');
  });

  async function check(password: string, person: Person, seen: PasswordRecord | null): Promise<Refused[]> {
    const refused = await refuseNewPassword(ports, { password, person, minLength: passwordLengths.alone, seen });
    return refused ? [refused] : [];
  }

  return router;
}

function show(res: Response, form: FormView): void {
  res.render('sign-in/new-password', { form, minLength: passwordLengths.alone, pageMode: 'narrow' });
}
