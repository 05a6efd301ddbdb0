import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { parseEmail } from '../../accounts/passwords/email.ts';
import { grantsOf, type Profile } from '../../accounts/profiles.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
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
import { afterOf } from './customers-page.ts';
import { emailField } from './customers-routes.ts';
import { profileChoice, usersPage } from './users-page.ts';
import { chosenProfile, profilesOf, type UsersPorts } from './users-ports.ts';

const listQuery = z.object({ q: z.string().max(200).default(''), after: z.string().max(4000).optional() });
const addForm = z.object({ name: line(100), email: emailField, profile: z.string().min(1, 'field-required') });

/** The list of staff, and the way in for a new one. */
export function usersRoutes(ports: UsersPorts): Router {
  const router = Router();
  const { access, accounts, engine, flash } = ports;
  const see = access.allow('users.manage');
  const actorOf = (req: Request) => access.visitor(req).person;

  router.get('/staff/users', see, async (req, res) => {
    const query = readQuery(req, listQuery);
    const page = { q: query.q, after: afterOf(query), t: translateOf(res) };
    res.render('staff/users', { q: query.q, ...(await usersPage(ports, page)) });
  });

  router.get('/staff/users/add', see, engine.freshly, async (req, res) => {
    await show(req, res, emptyForm);
  });

  router.post('/staff/users/add', see, engine.freshly, async (req, res) => {
    const actor = actorOf(req);
    const form = readForm(req, addForm);
    const user = form.ok ? await create(actor, form.fields) : form.refusals;
    if (Array.isArray(user)) {
      refusedStatus(res, user);
      await show(
        req,
        res,
        refusedForm({ req, keep: ['name', 'email', 'profile'], refusals: user, t: translateOf(res) }),
      );
      return;
    }
    await ports.invite(user, { by: { kind: 'person', id: actor.id }, inviter: actor.name });
    flash.set(res, { kind: 'success', key: 'users.add.done', params: { name: user.name, email: user.email } });
    res.redirect(303, `/staff/users/${user.id}`);
  });

  // Without a password, and no way for anybody to give one: only whoever reads the mailbox chooses it (PW-8).
  async function create(
    actor: Person,
    fields: { name: string; email: string; profile: string },
  ): Promise<Person | Refused[]> {
    const address = parseEmail(fields.email);
    if (!address) throw new Refused('bad-request');
    try {
      const profile: Profile = await chosenProfile(ports, actor, fields.profile);
      const user = await accounts.create({
        kind: 'staff',
        name: fields.name,
        email: address.email,
        emailKey: address.key,
        profile: profile.id,
        grants: grantsOf(profile),
        password: null,
        passwordShort: false,
      });
      if (!(await ports.profiles.spread(profile))) {
        await ports.standing.remove(user.id);
        throw new Refused('field-choice', { field: 'profile' });
      }
      await recordAdded(actor, user);
      return user;
    } catch (error) {
      if (error instanceof Refused && error.field !== undefined) return [error];
      throw error;
    }
  }

  function recordAdded(actor: Person, user: Person): Promise<void> {
    return ports.audit.record({
      event: 'person.added',
      outcome: 'success',
      actor: { kind: 'person', id: actor.id },
      target: { kind: 'person', id: user.id },
      detail: { profile: user.profileId },
    });
  }

  async function show(req: Request, res: Response, form: FormView): Promise<void> {
    const t = translateOf(res);
    const profiles = await profilesOf(ports, actorOf(req));
    res.render('staff/user-add', {
      profiles: profiles.map((profile) => profileChoice(profile, t)),
      form,
    });
  }

  return router;
}
