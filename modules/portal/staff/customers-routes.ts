import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { parseEmail } from '../../accounts/passwords/email.ts';
import type { Company } from '../../accounts/companies.ts';
import { contactStates } from '../../accounts/directory.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Permission, Person } from '../../kernel/person.ts';
import { translateOf } from '../../mfa/engine.ts';
import {
  emptyForm,
  line,
  readForm,
  readQuery,
  refusedForm,
  refusedStatus,
  type FormView,
} from '../../platform/http/forms.ts';
import { afterOf, companiesPage, companyPage, foundPage, listHref, listQuery } from './customers-page.ts';
import { companyOf, recordBy, type CustomersPorts } from './customers-ports.ts';

/** An e-mail address as a field of a form. */
export const emailField = z.string().superRefine((text, context) => {
  if (text.trim() === '') context.addIssue({ code: 'custom', message: 'field-required' });
  else if (!parseEmail(text)) context.addIssue({ code: 'custom', message: 'field-email' });
});

const companyForm = z.object({ name: line(100) });
const contactForm = z.object({ name: line(100), email: emailField });

/** The customers: companies and, under each, its contacts. */
export function customersRoutes(ports: CustomersPorts): Router {
  const router = Router();
  const { access, accounts, companies, flash } = ports;
  const read = access.allow('customers.read');
  const edit = [read, access.allow('customers.edit')];
  const may = (req: Request, permission: Permission) => access.visitor(req).person.permissions.includes(permission);

  router.get('/staff/customers', read, async (req: Request, res: Response) => {
    const query = readQuery(req, listQuery);
    const selection = { q: query.q, state: query.state };
    const narrowed = selection.q.trim() !== '' || selection.state !== '';
    const t = translateOf(res);
    const page = { ports, t, after: afterOf(query) };
    res.render('staff/customers', {
      q: selection.q,
      state: selection.state,
      states: contactStates.map((value) => ({ value, label: t(`staff.state.${value}`) })),
      ...(narrowed ? await foundPage({ ...page, selection }) : await companiesPage(page)),
      narrowed,
      addHref: may(req, 'customers.edit') ? '/staff/customers/add' : null,
      announceHref: may(req, 'mfa.require.user') ? listHref('/staff/customers/announce', selection) : null,
    });
  });

  router.get('/staff/customers/add', edit, (_req: Request, res: Response) => {
    res.render('staff/customer-add', { form: emptyForm });
  });

  router.post('/staff/customers/add', edit, async (req: Request, res: Response) => {
    const form = readForm(req, companyForm);
    if (!form.ok) {
      refusedStatus(res, form.refusals);
      const view = refusedForm({ req, keep: ['name'], refusals: form.refusals, t: translateOf(res) });
      res.render('staff/customer-add', { form: view });
      return;
    }
    const company = await companies.create(form.fields.name);
    await recordBy(ports, req, { event: 'company.added', target: { kind: 'company', id: company.id } });
    flash.set(res, { kind: 'success', key: 'staff.customer.added', params: { name: company.name } });
    res.redirect(303, `/staff/customers/${company.id}`);
  });

  router.get('/staff/customers/:id', read, async (req: Request, res: Response) => {
    const company = await companyOf(ports, req);
    const page = { ports, t: translateOf(res), after: afterOf(readQuery(req, listQuery)) };
    res.render('staff/customer', {
      name: company.name,
      ...(await companyPage({ ...page, company, reader: access.visitor(req).person })),
      addHref: may(req, 'customers.edit') ? `/staff/customers/${company.id}/contacts/add` : null,
    });
  });

  router.get('/staff/customers/:id/contacts/add', edit, async (req: Request, res: Response) => {
    showAdd(res, await companyOf(ports, req), emptyForm);
  });

  router.post('/staff/customers/:id/contacts/add', edit, async (req: Request, res: Response) => {
    const company = await companyOf(ports, req);
    const form = readForm(req, contactForm);
    const contact = form.ok ? await create(company, form.fields) : form.refusals;
    if (Array.isArray(contact)) {
      refusedStatus(res, contact);
      const keep = ['name', 'email'];
      showAdd(res, company, refusedForm({ req, keep, refusals: contact, t: translateOf(res) }));
      return;
    }
    const { person: actor } = access.visitor(req);
    await ports.invite(contact, { by: { kind: 'person', id: actor.id }, inviter: actor.name });
    flash.set(res, {
      kind: 'success',
      key: 'staff.contact.added',
      params: { name: contact.name, email: contact.email },
    });
    res.redirect(303, `/staff/contacts/${contact.id}`);
  });

  // Without a password, and no way for staff to give one: only whoever reads the mailbox chooses it (PW-8).
  async function create(company: Company, fields: { name: string; email: string }): Promise<Person | Refused[]> {
    const address = parseEmail(fields.email);
    if (!address) throw new Refused('bad-request');
    try {
      return await accounts.create({
        kind: 'contact',
        name: fields.name,
        email: address.email,
        emailKey: address.key,
        company: { id: company.id, name: company.name },
        password: null,
        passwordShort: false,
      });
    } catch (error) {
      if (error instanceof Refused && error.field !== undefined) return [error];
      throw error;
    }
  }

  return router;
}

function showAdd(res: Response, company: Company, form: FormView): void {
  res.render('staff/contact-add', { company: { name: company.name, href: `/staff/customers/${company.id}` }, form });
}
