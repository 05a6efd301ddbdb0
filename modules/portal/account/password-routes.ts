import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Accounts } from '../../accounts/people.ts';
import type { PasswordHasher } from '../../accounts/passwords/password-hasher.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Audit, PasswordProof } from '../../kernel/ports.ts';
import type { Person } from '../../kernel/person.ts';
import { signedIn } from '../../kernel/sign-in.ts';
import { translateOf, type Engine } from '../../mfa/engine.ts';
import type { createGate } from '../../mfa/gate.ts';
import type { Flash } from '../../platform/http/flash.ts';
import {
  emptyForm,
  readForm,
  refusedForm,
  refusedStatus,
  secretField,
  type FormView,
} from '../../platform/http/forms.ts';
import type { SignInService } from '../../sign-in/sign-ins.ts';
import { refuseNewPassword, storedPassword } from '../new-password.ts';

const path = '/account/password';
// The names that the password proof and the rules give their refusals.
const passwordForm = z.object({ password: secretField, newPassword: z.string().min(1, 'field-required') });

export interface PasswordRoutePorts {
  accounts: Accounts;
  hasher: PasswordHasher;
  passwords: PasswordProof;
  signIns: SignInService;
  gate: Pick<ReturnType<typeof createGate>, 'minimumPasswordLength'>;
  engine: Engine;
  audit: Audit;
  flash: Flash;
  siteName: string;
}

/** A new password of one's own choice, for a fresh proof and the old password (ASVS 6.2.2, 6.2.3). */
export function passwordRoutes(ports: PasswordRoutePorts): Router {
  const router = Router();
  const { accounts, hasher, signIns, gate, engine } = ports;

  router.get(path, engine.freshly, async (req, res) => {
    await show(res, signedIn(signIns, req).person, emptyForm);
  });

  router.post(path, engine.freshly, async (req, res) => {
    const { person } = signedIn(signIns, req);
    // Read before it is checked: a password that somebody changes meanwhile is not changed once more.
    const seen = await accounts.passwordOf(person.id);
    const form = readForm(req, passwordForm);
    const refusals = form.ok ? await check(req, res, form.fields) : form.refusals;
    if (!form.ok || !seen || refusals.length > 0) {
      refusedStatus(res, refusals);
      await show(res, person, refusedForm({ req, keep: [], refusals, t: translateOf(res) }));
      return;
    }
    const epoch = await accounts.changePassword(person.id, seen, await storedPassword(hasher, form.fields.newPassword));
    if (epoch === null) throw new Refused('challenge-expired');
    await signIns.adopt(req, epoch);
    await record(req, person);
    ports.flash.set(res, { kind: 'success', key: 'account.password.done' });
    res.redirect(303, '/account/security');
  });

  /** The old one is judged first, and in full: what the rules say of the new one must not stand in for it. */
  async function check(req: Request, res: Response, fields: z.infer<typeof passwordForm>): Promise<Refused[]> {
    const { person } = signedIn(signIns, req);
    const wrong = await ports.passwords.check(req, res, person, fields.password);
    const refused = await refuseNewPassword(ports, {
      password: fields.newPassword,
      person,
      minLength: await gate.minimumPasswordLength(person),
      // Compared with the stored one only for somebody who knows that: else the answer would tell it.
      seen: wrong.length > 0 ? null : await accounts.passwordOf(person.id),
    });
    return refused ? [...wrong, refused] : wrong;
  }

  async function record(req: Request, { id }: Person): Promise<void> {
    const who = { kind: 'person' as const, id };
    const signInId = signedIn(signIns, req).signIn.id;
    await ports.audit.record({ event: 'password.changed', outcome: 'success', actor: who, target: who, signInId });
  }

  async function show(res: Response, person: Person, form: FormView): Promise<void> {
    res.render('account/password', { form, minLength: await gate.minimumPasswordLength(person) });
  }

  return router;
}
