import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { StandingChange } from '../../accounts/standing.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import { translateOf } from '../../mfa/engine.ts';
import { line, readForm, refusedForm, refusedStatus, type FormView } from '../../platform/http/forms.ts';
import { recordBy } from './customers-ports.ts';
import { assertMayActOn } from './staff-access.ts';
import { profileChoice } from './users-page.ts';
import { chosenProfile, forUser, profilesOf, userOf, type UsersPorts } from './users-ports.ts';

const profileForm = z.object({ profile: z.string().min(1, 'field-required'), reason: line(200) });

/** What a member of staff may do. A changed profile ends their sign-ins at once (SES-10). */
export function userProfileRoutes(ports: UsersPorts): Router {
  const router = Router();
  const { access, flash } = ports;
  const path = '/staff/users/:id/profile';
  const guard = forUser(ports);
  const actorOf = (req: Request) => access.visitor(req).person;

  router.get(path, guard, async (req: Request, res: Response) => {
    const user = await userOf(ports, req);
    await show(req, res, user, { values: { profile: user.profileId ?? '' }, errors: [] });
  });

  router.post(path, guard, async (req: Request, res: Response) => {
    const user = await userOf(ports, req);
    const form = readForm(req, profileForm);
    const changed = form.ok ? await change(req, user, form.fields.profile) : form.refusals;
    if (!form.ok || Array.isArray(changed)) {
      const refusals = Array.isArray(changed) ? changed : [];
      refusedStatus(res, refusals);
      await show(req, res, user, refusedForm({ req, keep: ['profile', 'reason'], refusals, t: translateOf(res) }));
      return;
    }
    if (changed) await follow(req, changed, form.fields.reason);
    flash.set(res, {
      kind: changed ? 'success' : 'warning',
      key: changed ? 'users.profile.done' : 'staff.details.same',
      params: { name: user.name, profile: changed?.after.profileName ?? '' },
    });
    res.redirect(303, `/staff/users/${user.id}`);
  });

  async function change(req: Request, user: Person, id: string): Promise<StandingChange | null | Refused[]> {
    const actor = actorOf(req);
    try {
      const profile = await chosenProfile(ports, actor, id);
      const changed = await ports.standing.setProfile(user.id, profile, (now) => {
        assertMayActOn(actor, now);
      });
      if (!(await ports.profiles.spread(profile)) && changed) {
        // Removed, or made into something else, while it was given.
        const before = await ports.profiles.byId(changed.before.profileId ?? '');
        if (before) await ports.standing.setProfile(user.id, before);
        throw new Refused('field-choice', { field: 'profile' });
      }
      return changed;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.code === 'last-master-admin') return [new Refused(error.code, { field: 'profile' })];
      if (error.field !== undefined) return [error];
      throw error;
    }
  }

  async function follow(req: Request, { before, after }: StandingChange, reason: string): Promise<void> {
    const actor = { kind: 'person' as const, id: actorOf(req).id };
    await recordBy(ports, req, {
      event: 'person.profile-changed',
      target: { kind: 'person', id: after.id },
      reason,
      detail: { profileBefore: before.profileId, profileAfter: after.profileId },
    });
    await ports.signIns.endAllOf(after.id, { actor, reason: 'profile-changed' });
  }

  async function show(req: Request, res: Response, user: Person, form: FormView): Promise<void> {
    const t = translateOf(res);
    const profiles = await profilesOf(ports, actorOf(req));
    res.render('staff/user-profile', {
      user: { name: user.name, profile: user.profileName ?? t('staff.home.noProfile') },
      base: `/staff/users/${user.id}`,
      profiles: profiles.map((profile) => profileChoice(profile, t)),
      form,
    });
  }

  return router;
}
