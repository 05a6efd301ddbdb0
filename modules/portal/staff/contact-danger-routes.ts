import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Person } from '../../kernel/person.ts';
import { translateOf } from '../../mfa/engine.ts';
import {
  emptyForm,
  line,
  readForm,
  refusedForm,
  refusedStatus,
  type FormResult,
  type FormView,
} from '../../platform/http/forms.ts';
import { dangerousActions, type DangerousAction } from './contact-danger.ts';
import { contactOf, forContact, forContactFreshly, type CustomersPorts } from './customers-ports.ts';

const reasonForm = z.object({ reason: line(200) });

/** The pages in front of a reset, the end of an account or of sign-ins. */
export function contactDangerRoutes(ports: CustomersPorts): Router {
  const router = Router();
  const { access, flash } = ports;

  for (const action of dangerousActions) {
    const path = `/staff/contacts/:id/${action.path}`;
    const guard = (action.fresh ? forContactFreshly : forContact)(ports, action.permission);

    router.get(path, guard, async (req: Request, res: Response) => {
      const contact = await contactOf(ports, req);
      const idle = action.idle(contact);
      if (idle === null) await show(res, action, contact, emptyForm);
      else back(res, contact, { kind: 'warning', key: idle });
    });

    router.post(path, guard, async (req: Request, res: Response) => {
      const contact = await contactOf(ports, req);
      const form: FormResult<{ reason: string }> = action.reasoned
        ? readForm(req, reasonForm)
        : { ok: true, fields: { reason: '' } };
      if (!form.ok) {
        const { refusals } = form;
        refusedStatus(res, refusals);
        await show(res, action, contact, refusedForm({ req, keep: ['reason'], refusals, t: translateOf(res) }));
        return;
      }
      const { person } = access.visitor(req);
      const { reason } = form.fields;
      const done = await action.run(ports, contact, { actor: { kind: 'person', id: person.id }, reason });
      if (done) back(res, contact, { kind: 'success', key: action.done });
      else back(res, contact, { kind: 'warning', key: action.idle(await contactOf(ports, req)) ?? action.done });
    });
  }

  function back(res: Response, contact: Person, said: { kind: 'success' | 'warning'; key: string }): void {
    flash.set(res, { ...said, params: { name: contact.name } });
    res.redirect(303, `/staff/contacts/${contact.id}`);
  }

  async function show(res: Response, action: DangerousAction, contact: Person, form: FormView): Promise<void> {
    const t = translateOf(res);
    const name = { name: contact.name };
    res.render('staff/contact-action', {
      action: `/staff/contacts/${contact.id}/${action.path}`,
      base: `/staff/contacts/${contact.id}`,
      name: contact.name,
      heading: t(action.heading, name),
      facts: [
        { term: t('staff.contacts.name'), text: contact.name },
        { term: t('staff.contacts.company'), text: contact.companyName ?? '' },
        { term: t('staff.contacts.email'), text: contact.email },
        ...((await action.facts?.(ports, contact, t)) ?? []),
      ],
      consequences: action.consequences.map((key) => t(key, name)),
      proof: action.proof === undefined ? null : t(action.proof, name),
      reasoned: action.reasoned,
      danger: action.danger,
      submitLabel: t(action.submit, name),
      form,
    });
  }

  return router;
}
