import { Router, type Request, type Response } from 'express';
import type { MessageParams } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import type { Ceiling } from '../../kernel/ports.ts';
import { throttledUntil } from '../../platform/http/throttled.ts';
import { unlock } from './contact-locks.ts';
import { contactPage } from './contact-page.ts';
import { contactOf, forContact, recordBy, type CustomersPorts } from './customers-ports.ts';

/** Invitations that staff send again to one contact: nobody's mailbox is to be filled from here (REC-7). */
const invitationCeiling: Ceiling = { tries: 5, windowSeconds: 3600 };

/** One contact, and what is done there with one press of a button. */
export function contactRoutes(ports: CustomersPorts): Router {
  const router = Router();
  const { access, flash, links, throttle } = ports;

  function back(
    res: Response,
    contact: Person,
    said: { kind: 'success' | 'warning'; key: string; params?: MessageParams },
  ): void {
    flash.set(res, said);
    res.redirect(303, `/staff/contacts/${contact.id}`);
  }
  const target = (contact: Person) => ({ kind: 'person' as const, id: contact.id });

  router.get('/staff/contacts/:id', forContact(ports, 'customers.read'), async (req: Request, res: Response) => {
    const contact = await contactOf(ports, req);
    const reader = access.visitor(req).person;
    const base = `/staff/contacts/${contact.id}`;
    res.render('staff/contact', { base, ...(await contactPage(ports, { res, contact, reader })) });
  });

  router.post(
    '/staff/contacts/:id/unlock',
    forContact(ports, 'customers.read'),
    async (req: Request, res: Response) => {
      const contact = await contactOf(ports, req);
      const params = { name: contact.name };
      if (!(await unlock(ports, contact))) {
        back(res, contact, { kind: 'warning', key: 'staff.contact.notLocked', params });
        return;
      }
      await recordBy(ports, req, { event: 'sign-in.unlocked', target: target(contact) });
      back(res, contact, { kind: 'success', key: 'staff.contact.unlocked', params });
    },
  );

  router.post(
    '/staff/contacts/:id/invitation/resend',
    forContact(ports, 'customers.read'),
    async (req: Request, res: Response) => {
      const contact = await contactOf(ports, req);
      const { person: actor } = access.visitor(req);
      const mark = await throttle.take(['staff-invitation', contact.id], invitationCeiling);
      if (!mark.allowed) throw throttledUntil(mark.retryAt, res, 'throttled');
      const sent = await ports.invite(contact, { by: { kind: 'person', id: actor.id }, inviter: actor.name });
      if (!sent) await mark.giveBack();
      back(
        res,
        contact,
        sent
          ? { kind: 'success', key: 'staff.contact.invited', params: { email: contact.email } }
          : { kind: 'warning', key: 'staff.contact.notInvited', params: { name: contact.name } },
      );
    },
  );

  router.post(
    '/staff/contacts/:id/invitation/revoke',
    forContact(ports, 'customers.edit'),
    async (req: Request, res: Response) => {
      const contact = await contactOf(ports, req);
      const params = { name: contact.name };
      if (!(await links.revoke(contact.id, 'invitation'))) {
        back(res, contact, { kind: 'warning', key: 'staff.contact.noInvitation', params });
        return;
      }
      await recordBy(ports, req, { event: 'person.invitation-revoked', target: target(contact) });
      back(res, contact, { kind: 'success', key: 'staff.contact.revoked', params });
    },
  );

  return router;
}
