import { Router, type Request, type Response } from 'express';
import type { MessageParams } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import type { Ceiling } from '../../kernel/ports.ts';
import { throttledUntil } from '../../platform/http/throttled.ts';
import { unlock } from './contact-locks.ts';
import { recordBy } from './customers-ports.ts';
import { userPage } from './user-page.ts';
import { forUser, userOf, type UsersPorts } from './users-ports.ts';

/** Invitations that are sent again to one person: nobody's mailbox is to be filled from here (REC-7). */
const invitationCeiling: Ceiling = { tries: 5, windowSeconds: 3600 };

/** One member of staff, and what is done there with one press of a button. */
export function userRoutes(ports: UsersPorts): Router {
  const router = Router();
  const { access, flash, links, throttle } = ports;
  const guard = forUser(ports);
  const target = ({ id }: Person) => ({ kind: 'person' as const, id });

  function back(
    res: Response,
    user: Person,
    said: { kind: 'success' | 'warning'; key: string; params?: MessageParams },
  ): void {
    flash.set(res, said);
    res.redirect(303, `/staff/users/${user.id}`);
  }

  router.get('/staff/users/:id', access.allow('users.manage'), async (req: Request, res: Response) => {
    const user = await userOf(ports, req);
    const reader = access.visitor(req).person;
    res.render('staff/user', { base: `/staff/users/${user.id}`, ...(await userPage(ports, { res, user, reader })) });
  });

  router.post('/staff/users/:id/unlock', guard, async (req: Request, res: Response) => {
    const user = await userOf(ports, req);
    const params = { name: user.name };
    if (!(await unlock(ports, user))) {
      back(res, user, { kind: 'warning', key: 'staff.contact.notLocked', params });
      return;
    }
    await recordBy(ports, req, { event: 'sign-in.unlocked', target: target(user) });
    back(res, user, { kind: 'success', key: 'staff.contact.unlocked', params });
  });

  router.post('/staff/users/:id/invitation/resend', guard, async (req: Request, res: Response) => {
    const user = await userOf(ports, req);
    const { person: actor } = access.visitor(req);
    const mark = await throttle.take(['staff-invitation', user.id], invitationCeiling);
    if (!mark.allowed) throw throttledUntil(mark.retryAt, res, 'throttled');
    const sent = await ports.invite(user, { by: { kind: 'person', id: actor.id }, inviter: actor.name });
    if (!sent) await mark.giveBack();
    back(
      res,
      user,
      sent
        ? { kind: 'success', key: 'staff.contact.invited', params: { email: user.email } }
        : { kind: 'warning', key: 'staff.contact.notInvited', params: { name: user.name } },
    );
  });

  router.post('/staff/users/:id/invitation/revoke', guard, async (req: Request, res: Response) => {
    const user = await userOf(ports, req);
    const params = { name: user.name };
    if (!(await links.revoke(user.id, 'invitation'))) {
      back(res, user, { kind: 'warning', key: 'staff.contact.noInvitation', params });
      return;
    }
    await recordBy(ports, req, { event: 'person.invitation-revoked', target: target(user) });
    back(res, user, { kind: 'success', key: 'staff.contact.revoked', params });
  });

  return router;
}
