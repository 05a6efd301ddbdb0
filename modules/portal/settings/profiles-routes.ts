import { Router, type Request, type RequestHandler, type Response } from 'express';
import { z } from 'zod';
import { allowedBy, type Profiles, type ProfileRefusal } from '../../accounts/own-profiles.ts';
import { profileById, type Profile } from '../../accounts/profiles.ts';
import { Refused } from '../../kernel/errors.ts';
import { permissions } from '../../kernel/person.ts';
import { translateOf } from '../../mfa/engine.ts';
import { bodyField, line, readForm, refusedForm, refusedStatus, type FormView } from '../../platform/http/forms.ts';
import type { SettingsPorts } from './settings-routes.ts';

const home = '/staff/settings/profiles';
const profileForm = z.object({ name: line(60) });

/** The profiles of staff: the built-in ones to read, and own ones that a Master Admin makes (C12). */
export function profilesRoutes(ports: SettingsPorts & { profiles: Profiles }): Router {
  const router = Router();
  const { engine, access, audit, flash, profiles } = ports;
  const guard = access.allow('mfa.policy');
  // Who may change the sign-in rules alone could else write what their own profile allows (AZ-3).
  const masterAdmins: RequestHandler = (req, _res, next) => {
    if (!access.visitor(req).person.masterAdmin) throw new Refused('higher-profile');
    next();
  };
  const change = [guard, masterAdmins, engine.freshly];

  async function ownOf(req: Request): Promise<Profile> {
    const profile = await profiles.byId(String(req.params['id']));
    if (!profile || profileById(profile.id)) throw new Refused('not-found');
    return profile;
  }

  /** Nobody writes their own profile, and nobody puts more into one than they have (AZ-3): else it would be a way to give it to oneself. */
  function assertMayWrite(req: Request, before: Profile | null, after: Allowed | null): void {
    const { person } = access.visitor(req);
    if (before !== null && before.id === person.profileId) throw new Refused('own-account');
    if (after !== null && !after.permissions.every((permission) => person.permissions.includes(permission)))
      throw new Refused('higher-profile');
  }

  async function record(req: Request, before: Profile | null, after: Profile | null): Promise<void> {
    const words = (profile: Profile | null) =>
      profile && [profile.name, ...profile.permissions, ...(profile.masterAdmin ? ['master-admin'] : [])].join(' ');
    await audit.record({
      event: 'profile.changed',
      outcome: 'success',
      actor: { kind: 'person', id: access.visitor(req).person.id },
      target: { kind: 'policy', id: `profile ${(after ?? before)?.id ?? ''}` },
      detail: { profileBefore: words(before), profileAfter: words(after) },
    });
  }

  function showForm(res: Response, at: { id: string | null; profile: Omit<Profile, 'id'>; form: FormView }): void {
    const t = translateOf(res);
    res.render('staff/settings-profile', {
      action: at.id === null ? `${home}/add` : `${home}/${at.id}`,
      removeAction: at.id === null ? null : `${home}/${at.id}/remove`,
      heading: at.id === null ? t('settings.profiles.add') : at.profile.name,
      permissions: permissions.map((permission) => ({
        value: permission,
        label: t(`staff.permission.${permission}`),
        checked: at.profile.permissions.includes(permission),
      })),
      masterAdmin: at.profile.masterAdmin,
      form: at.form,
    });
  }

  function refuse(req: Request, res: Response, id: string | null, refusals: readonly Refused[]): void {
    const t = translateOf(res);
    const form = refusedForm({ req, keep: ['name'], refusals: [...refusals], t });
    const profile = { name: form.values['name'] ?? '', ...read(req) };
    refusedStatus(res, refusals);
    showForm(res, { id, profile, form });
  }

  /** What the database refuses, at the field that it is about. */
  function refuseStored(req: Request, res: Response, id: string | null, refusal: ProfileRefusal): void {
    if (refusal === 'gone') throw new Refused('not-found');
    if (refusal === 'taken') {
      refuse(req, res, id, [new Refused('field-taken', { field: 'name' })]);
      return;
    }
    const name = bodyField(req, 'name');
    const values = { name: typeof name === 'string' ? name : '' };
    const errors = [{ field: 'masterAdmin', text: translateOf(res)('settings.profiles.inUse') }];
    res.status(422);
    showForm(res, { id, profile: { ...values, ...read(req) }, form: { values, errors } });
  }

  router.get(home, guard, async (req, res) => {
    const t = translateOf(res);
    const { masterAdmin } = access.visitor(req).person;
    const list = await profiles.list();
    const rows = await Promise.all(
      list.map(async (profile) => [
        profileById(profile.id) || !masterAdmin
          ? { text: profile.name }
          : { text: profile.name, href: `${home}/${profile.id}` },
        {
          text: profile.permissions.map((permission) => t(`staff.permission.${permission}`)).join(' · '),
          ...(profile.masterAdmin ? { quiet: t('settings.profiles.masterAdmin') } : {}),
        },
        { text: String(await profiles.holders(profile.id)) },
      ]),
    );
    res.render('staff/settings-profiles', {
      mayAdd: masterAdmin,
      table: {
        caption: t('settings.home.profiles'),
        columns: [t('settings.profiles.name'), t('settings.profiles.allows'), t('settings.profiles.holders')],
        rows,
      },
    });
  });

  router.get(`${home}/add`, ...change, (_req, res) => {
    showForm(res, {
      id: null,
      profile: { name: '', permissions: [], masterAdmin: false },
      form: { values: {}, errors: [] },
    });
  });

  router.post(`${home}/add`, ...change, async (req, res) => {
    const form = readForm(req, profileForm);
    const allowed = read(req);
    assertMayWrite(req, null, allowed);
    if (!form.ok) {
      refuse(req, res, null, form.refusals);
      return;
    }
    const made = await profiles.create({ ...form.fields, ...allowed });
    if (typeof made === 'string') {
      refuseStored(req, res, null, made);
      return;
    }
    await record(req, null, made);
    flash.set(res, { kind: 'success', key: 'settings.profiles.saved', params: { name: made.name } });
    res.redirect(303, home);
  });

  router.get(`${home}/:id`, ...change, async (req, res) => {
    const profile = await ownOf(req);
    showForm(res, { id: profile.id, profile, form: { values: { name: profile.name }, errors: [] } });
  });

  router.post(`${home}/:id`, ...change, async (req, res) => {
    const before = await ownOf(req);
    const form = readForm(req, profileForm);
    const allowed = read(req);
    assertMayWrite(req, before, allowed);
    if (!form.ok) {
      refuse(req, res, before.id, form.refusals);
      return;
    }
    const changed = await profiles.change(before.id, { ...form.fields, ...allowed });
    if (typeof changed === 'string') {
      refuseStored(req, res, before.id, changed);
      return;
    }
    await record(req, before, changed);
    flash.set(res, { kind: 'success', key: 'settings.profiles.saved', params: { name: changed.name } });
    res.redirect(303, home);
  });

  // Where a proof at this address leads back to.
  router.get(`${home}/:id/remove`, ...change, async (req, res) => {
    res.redirect(303, `${home}/${(await ownOf(req)).id}`);
  });

  router.post(`${home}/:id/remove`, ...change, async (req, res) => {
    const before = await ownOf(req);
    const removed = await profiles.remove(before.id);
    if (removed === 'inUse') {
      res.status(422);
      const errors = [{ field: 'masterAdmin', text: translateOf(res)('settings.profiles.inUse') }];
      showForm(res, { id: before.id, profile: before, form: { values: { name: before.name }, errors } });
      return;
    }
    await record(req, before, null);
    flash.set(res, { kind: 'success', key: 'settings.profiles.removed', params: { name: before.name } });
    res.redirect(303, home);
  });

  return router;
}

type Allowed = Pick<Profile, 'permissions' | 'masterAdmin'>;

/** What the form says that the profile allows; permissions that there are not are left out. */
function read(req: Request): Allowed {
  const ticked = (permission: string) => bodyField(req, `may.${permission}`) === 'yes';
  return allowedBy({
    permissions: permissions.filter(ticked),
    masterAdmin: bodyField(req, 'masterAdmin') === 'yes',
  });
}
