import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { isRefused, Refused } from '../../kernel/errors.ts';
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
import { assertMayActOn } from './staff-access.ts';
import { userActions, type UserAction } from './user-actions.ts';
import { forUser, userOf, type UsersPorts } from './users-ports.ts';

const reasonForm = z.object({ reason: line(200) });

/** The pages in front of a reset, the end of an account or of sign-ins, and a removal. */
export function userActionRoutes(ports: UsersPorts): Router {
  const router = Router();
  const { access, flash } = ports;

  for (const action of userActions) {
    const path = `/staff/users/:id/${action.path}`;
    const guard = forUser(ports, action.permission);

    router.get(path, guard, async (req: Request, res: Response) => {
      const user = await userOf(ports, req);
      const idle = action.idle(user);
      if (idle === null) await show(res, action, user, emptyForm);
      else back(res, user, { kind: 'warning', key: idle });
    });

    router.post(path, guard, async (req: Request, res: Response) => {
      const user = await userOf(ports, req);
      const form: FormResult<{ reason: string }> = action.reasoned
        ? readForm(req, reasonForm)
        : { ok: true, fields: { reason: '' } };
      const done = form.ok ? await run(req, action, user, form.fields.reason) : form.refusals;
      if (Array.isArray(done)) {
        refusedStatus(res, done);
        await show(res, action, user, refusedForm({ req, keep: ['reason'], refusals: done, t: translateOf(res) }));
        return;
      }
      const now = await ports.accounts.byId(user.id);
      if (done) back(res, now ?? user, { kind: 'success', key: action.done }, now === null);
      else back(res, user, { kind: 'warning', key: action.idle(now ?? user) ?? action.done });
    });
  }

  /** Refusals to show on the page: that of the last Master Admin is the answer to a form, not an error. */
  async function run(req: Request, action: UserAction, user: Person, reason: string): Promise<boolean | Refused[]> {
    const { person } = access.visitor(req);
    const check = (now: Person) => {
      assertMayActOn(person, now);
    };
    try {
      return await action.run(ports, user, { actor: { kind: 'person', id: person.id }, reason, check });
    } catch (error) {
      if (isRefused(error, 'last-master-admin')) return [error];
      throw error;
    }
  }

  function back(res: Response, user: Person, said: { kind: 'success' | 'warning'; key: string }, gone = false): void {
    flash.set(res, { ...said, params: { name: user.name } });
    res.redirect(303, gone ? '/staff/users' : `/staff/users/${user.id}`);
  }

  async function show(res: Response, action: UserAction, user: Person, form: FormView): Promise<void> {
    const t = translateOf(res);
    const name = { name: user.name };
    res.render('staff/user-action', {
      action: `/staff/users/${user.id}/${action.path}`,
      base: `/staff/users/${user.id}`,
      name: user.name,
      heading: t(action.heading, name),
      facts: [
        { term: t('users.column.name'), text: user.name },
        { term: t('users.column.email'), text: user.email },
        { term: t('users.column.profile'), text: user.profileName ?? t('staff.home.noProfile') },
        ...((await action.facts?.(ports, user, t)) ?? []),
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
