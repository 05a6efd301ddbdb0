import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { parseEmail } from '../../accounts/passwords/email.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import { translateOf } from '../../mfa/engine.ts';
import { bodyField, line, readForm, refusedForm, refusedStatus, type FormView } from '../../platform/http/forms.ts';
import { changeDetails, followUp, versionOf } from './contact-details.ts';
import { emailField } from './customers-routes.ts';
import { contactOf, forContactFreshly, type CustomersPorts } from './customers-ports.ts';

const ticked = z.enum(['', 'yes'], 'field-choice');
const detailsForm = z.object({
  name: line(100),
  email: emailField,
  requireMfa: ticked,
  neverAsk: ticked,
  companyAdmin: ticked,
  companyAdminShown: ticked,
  graceDay: z.string().max(40),
  seen: z.string(),
});
const words = ['requireMfa', 'neverAsk', 'graceDay'] as const;
const dayMs = 86_400_000;
/** As long as the policy's own grace may be. */
const mostGraceDays = 90;

/** "Edit Login Details": name, address, and whether a factor is required of this one person (D5-D9). */
export function contactDetailsRoutes(ports: CustomersPorts): Router {
  const router = Router();
  const { access, flash } = ports;
  const path = '/staff/contacts/:id/login-details';
  const guard = forContactFreshly(ports, 'customers.edit');
  const mayRequire = (req: Request) => access.visitor(req).person.permissions.includes('mfa.require.user');

  const hasCompanyAdmins = async () => (await ports.engine.policies.of('contact')).companyAdmins !== 'off';

  async function show(req: Request, res: Response, contact: Person, form: FormView): Promise<void> {
    res.render('staff/contact-details', {
      contact: { name: contact.name, hasPassword: contact.hasPassword },
      seen: versionOf(contact),
      mayRequire: mayRequire(req),
      companyAdmins: await hasCompanyAdmins(),
      base: `/staff/contacts/${contact.id}`,
      form,
    });
  }

  router.get(path, guard, async (req: Request, res: Response) => {
    const contact = await contactOf(ports, req);
    await show(req, res, contact, { values: valuesOf(contact, ports.clock.now()), errors: [] });
  });

  router.post(path, guard, async (req: Request, res: Response) => {
    const contact = await contactOf(ports, req);
    const wordGiven = words.some((word) => bodyField(req, word) !== undefined);
    if (wordGiven && !mayRequire(req)) throw new Refused('forbidden');
    const form = readForm(req, detailsForm);
    const now = ports.clock.now();
    const refusals = form.ok
      ? [...wordRefusals(contact, form.fields), ...dayRefusals(form.fields, now)]
      : form.refusals;
    if (!form.ok || refusals.length > 0) {
      await refuse(req, res, contact, refusals);
      return;
    }
    const { fields } = form;
    const address = parseEmail(fields.email);
    if (!address) throw new Refused('bad-request');
    // A disabled or hidden box is not sent at all: then nothing is said about the word.
    const staffWord = mayRequire(req) && contact.hasPassword ? wordOf(fields) : contact.staffWord;
    const next = {
      name: fields.name,
      address,
      staffWord,
      // The policy may have changed since the form was opened: one without the box says nothing about the Admin tab.
      companyAdmin:
        fields.companyAdminShown === 'yes' && (await hasCompanyAdmins())
          ? fields.companyAdmin === 'yes'
          : contact.companyAdmin,
      graceUntil: mayRequire(req) ? graceOf(contact, fields.graceDay, now) : contact.graceUntil,
    };
    const done = await changeDetails(ports, contact.id, { seen: fields.seen, next }).catch((error: unknown) => {
      if (error instanceof Refused && error.field !== undefined) return error;
      throw error;
    });
    if (done instanceof Refused) await refuse(req, res, contact, [done]);
    else if (done.outcome === 'stale') await showPresent(req, res);
    else {
      const key =
        done.outcome === 'same' ? 'staff.details.same' : await followUp(ports, req, { before: contact, ...done });
      flash.set(res, { kind: 'success', key, params: { name: fields.name, email: address.email } });
      res.redirect(303, `/staff/contacts/${contact.id}`);
    }
  });

  async function refuse(req: Request, res: Response, contact: Person, refusals: readonly Refused[]): Promise<void> {
    refusedStatus(res, refusals);
    const keep = ['name', 'email', 'companyAdmin', ...words];
    const form = refusedForm({ req, keep, refusals: [...refusals], t: translateOf(res) });
    await show(req, res, contact, form);
  }

  /** Somebody else was first: what holds now is shown in place of what was typed on top of something older. */
  async function showPresent(req: Request, res: Response): Promise<void> {
    const contact = await contactOf(ports, req);
    const errors = [{ field: '', text: translateOf(res)('staff.details.stale') }];
    res.status(422);
    await show(req, res, contact, { values: valuesOf(contact, ports.clock.now()), errors });
  }

  return router;
}

const wordOf = ({ requireMfa, neverAsk }: { requireMfa: string; neverAsk: string }): Person['staffWord'] =>
  neverAsk === 'yes' ? 'exempt' : requireMfa === 'yes' ? 'required' : 'inherit';

function wordRefusals(contact: Person, fields: { requireMfa: string; neverAsk: string }): Refused[] {
  const { requireMfa, neverAsk } = fields;
  // D3: an e-mail address and a password come first.
  if (!contact.hasPassword && (requireMfa !== '' || neverAsk !== ''))
    return [new Refused('no-login', { field: requireMfa === '' ? 'neverAsk' : 'requireMfa' })];
  return requireMfa !== '' && neverAsk !== '' ? [new Refused('field-choice', { field: 'neverAsk' })] : [];
}

/** The last day of a running grace; the deadline is its end. */
const graceDayOf = ({ graceUntil }: Person, now: Date) =>
  graceUntil && graceUntil > now ? new Date(graceUntil.getTime() - 1).toISOString().slice(0, 10) : '';

/** A day that has passed ends a grace at once; no day leaves it to the portal. One that is not touched stays as it is. */
function graceOf(contact: Person, day: string, now: Date): Date | null {
  if (day === graceDayOf(contact, now)) return contact.graceUntil;
  return day === '' ? null : new Date(Date.parse(`${day}T00:00:00Z`) + dayMs);
}

function dayRefusals({ graceDay }: { graceDay: string }, now: Date): Refused[] {
  if (graceDay === '') return [];
  const fine =
    z.iso.date().safeParse(graceDay).success && Date.parse(graceDay) <= now.getTime() + mostGraceDays * dayMs;
  return fine ? [] : [new Refused('field-grace', { field: 'graceDay', params: { days: mostGraceDays } })];
}

function valuesOf(contact: Person, now: Date): Record<string, string> {
  const { name, email, staffWord, companyAdmin } = contact;
  return {
    companyAdmin: companyAdmin ? 'yes' : '',
    graceDay: graceDayOf(contact, now),
    name,
    email,
    requireMfa: staffWord === 'required' ? 'yes' : '',
    neverAsk: staffWord === 'exempt' ? 'yes' : '',
  };
}
