import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { parseEmail } from '../../accounts/passwords/email.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import { translateOf } from '../../mfa/engine.ts';
import { line, readForm, refusedForm, refusedStatus, type FormView } from '../../platform/http/forms.ts';
import { changeDetails, followUp, versionOf } from './contact-details.ts';
import { emailField } from './customers-routes.ts';
import { assertMayActOn } from './staff-access.ts';
import { forUser, userOf, type UsersPorts } from './users-ports.ts';

const detailsForm = z.object({ name: line(100), email: emailField, seen: z.string() });

/** Name and e-mail address of a member of staff. */
export function userEditRoutes(ports: UsersPorts): Router {
  const router = Router();
  const { access, flash } = ports;
  const path = '/staff/users/:id/details';
  const guard = forUser(ports);

  function show(res: Response, user: Person, form: FormView): void {
    res.render('staff/user-details', {
      user: { name: user.name, hasPassword: user.hasPassword },
      base: `/staff/users/${user.id}`,
      seen: versionOf(user),
      form,
    });
  }

  router.get(path, guard, async (req: Request, res: Response) => {
    const user = await userOf(ports, req);
    show(res, user, { values: { name: user.name, email: user.email }, errors: [] });
  });

  router.post(path, guard, async (req: Request, res: Response) => {
    const user = await userOf(ports, req);
    const form = readForm(req, detailsForm);
    if (!form.ok) {
      refuse(req, res, user, form.refusals);
      return;
    }
    const { name, email, seen } = form.fields;
    const address = parseEmail(email);
    if (!address) throw new Refused('bad-request');
    const done = await changeDetails(ports, user.id, {
      seen,
      next: { ...user, name, address },
      check: (now) => {
        assertMayActOn(access.visitor(req).person, now);
      },
    }).catch((error: unknown) => {
      if (error instanceof Refused && error.field !== undefined) return error;
      throw error;
    });
    if (done instanceof Refused) refuse(req, res, user, [done]);
    else if (done.outcome === 'stale') await showPresent(req, res);
    else {
      const key =
        done.outcome === 'same' ? 'staff.details.same' : await followUp(ports, req, { before: user, ...done });
      flash.set(res, { kind: 'success', key, params: { name, email: address.email } });
      res.redirect(303, `/staff/users/${user.id}`);
    }
  });

  function refuse(req: Request, res: Response, user: Person, refusals: readonly Refused[]): void {
    refusedStatus(res, refusals);
    show(res, user, refusedForm({ req, keep: ['name', 'email'], refusals, t: translateOf(res) }));
  }

  /** Somebody else was first: what holds now is shown in place of what was typed on top of something older. */
  async function showPresent(req: Request, res: Response): Promise<void> {
    const user = await userOf(ports, req);
    const errors = [{ field: '', text: translateOf(res)('staff.details.stale') }];
    res.status(422);
    show(res, user, { values: { name: user.name, email: user.email }, errors });
  }

  return router;
}
