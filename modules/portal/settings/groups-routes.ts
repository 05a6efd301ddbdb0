import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Companies, Company } from '../../accounts/companies.ts';
import { nameKey } from '../../accounts/person-row.ts';
import { Refused } from '../../kernel/errors.ts';
import { translateOf } from '../../mfa/engine.ts';
import { groupWords, type Group, type GroupWord } from '../../mfa/policy/groups.ts';
import {
  bodyField,
  emptyForm,
  line,
  readForm,
  refusedForm,
  refusedStatus,
  type FormView,
} from '../../platform/http/forms.ts';
import type { SettingsPorts } from './settings-routes.ts';

const home = '/staff/settings/groups';
/** So many companies are shown to choose from. */
const mostChoices = 20;
const groupForm = z.object({ name: line(100), word: z.string() });

/** Why a group that was asked for in due form was not stored. */
function refusalOf(word: GroupWord | null | undefined): Refused {
  return word === undefined
    ? new Refused('field-choice', { field: 'word' })
    : new Refused('field-taken', { field: 'name' });
}

/** Groups of companies, each with a word of its own; the strongest of a company's groups counts. */
export function groupsRoutes(ports: SettingsPorts & { companies: Companies }): Router {
  const router = Router();
  const { engine, access, audit, flash, companies } = ports;
  const { groups } = engine;
  const guard = access.allow('mfa.policy');
  const change = [guard, engine.freshly];

  async function groupOf(req: Request): Promise<Group> {
    const group = await groups.byId(String(req.params['id']));
    if (!group) throw new Refused('not-found');
    return group;
  }

  /** Ids and short codes alone; names are looked up when the audit is read. */
  async function record(
    req: Request,
    id: string,
    change: { reason?: string; detail?: Record<string, string | null> },
  ): Promise<void> {
    await audit.record({
      event: 'group.changed',
      outcome: 'success',
      actor: { kind: 'person', id: access.visitor(req).person.id },
      target: { kind: 'policy', id: `group ${id}` },
      ...change,
    });
  }

  async function showList(res: Response, form: FormView): Promise<void> {
    const t = translateOf(res);
    const list = await groups.list();
    const rows = await Promise.all(
      list.map(async (group) => [
        { text: group.name, href: `${home}/${group.id}` },
        { text: t(`settings.groups.word.${group.word ?? 'none'}`) },
        { text: String((await groups.membersOf(group.id)).length) },
      ]),
    );
    res.render('staff/settings-groups', {
      table: {
        caption: t('settings.home.groups'),
        columns: [t('settings.groups.name'), t('settings.groups.word'), t('settings.groups.companies')],
        rows,
        empty: { text: t('settings.groups.empty') },
      },
      words: wordsOf(res),
      form,
    });
  }

  async function showGroup(
    res: Response,
    group: Group,
    form: FormView,
    choices: readonly Company[] = [],
  ): Promise<void> {
    const ids = await groups.membersOf(group.id);
    const members = await Promise.all(ids.slice(0, 500).map((id) => companies.byId(id)));
    const offered = choices.map(async ({ id, name, createdAt }) => {
      const contacts = await ports.directory.count({ kind: 'contact', companyId: id });
      return { id, name, createdAt, contacts };
    });
    res.render('staff/settings-group', {
      group,
      members: members.flatMap((company) => (company ? [{ id: company.id, name: company.name }] : [])),
      choices: await Promise.all(offered),
      words: wordsOf(res),
      form,
    });
  }

  router.get(home, ...change, async (_req, res) => {
    await showList(res, emptyForm);
  });

  router.post(home, ...change, async (req, res) => {
    const form = readForm(req, groupForm);
    const word = form.ok ? wordOf(form.fields.word) : undefined;
    const made = form.ok && word !== undefined ? await groups.create(form.fields.name, word) : null;
    if (!form.ok || !made) {
      const refusals = form.ok ? [refusalOf(word)] : form.refusals;
      refusedStatus(res, refusals);
      await showList(res, refusedForm({ req, keep: ['name', 'word'], refusals, t: translateOf(res) }));
      return;
    }
    await record(req, made.id, { reason: 'group-added', detail: { word: made.word } });
    flash.set(res, { kind: 'success', key: 'settings.groups.added', params: { name: made.name } });
    res.redirect(303, `${home}/${made.id}`);
  });

  router.get(`${home}/:id`, ...change, async (req, res) => {
    const group = await groupOf(req);
    await showGroup(res, group, { values: { name: group.name, word: group.word ?? '' }, errors: [] });
  });

  router.post(`${home}/:id`, ...change, async (req, res) => {
    const group = await groupOf(req);
    const form = readForm(req, groupForm);
    const word = form.ok ? wordOf(form.fields.word) : undefined;
    const changed = form.ok && word !== undefined && (await groups.change(group.id, { name: form.fields.name, word }));
    if (!form.ok || !changed) {
      const refusals = form.ok ? [refusalOf(word)] : form.refusals;
      refusedStatus(res, refusals);
      await showGroup(res, group, refusedForm({ req, keep: ['name', 'word'], refusals, t: translateOf(res) }));
      return;
    }
    await record(req, group.id, {
      detail: {
        ...(group.name === form.fields.name ? {} : { name: 'changed' }),
        ...(group.word === word ? {} : { wordBefore: group.word, wordAfter: word ?? null }),
      },
    });
    flash.set(res, { kind: 'success', key: 'settings.groups.saved', params: { name: form.fields.name } });
    res.redirect(303, `${home}/${group.id}`);
  });

  router.post(`${home}/:id/remove`, ...change, async (req, res) => {
    const group = await groupOf(req);
    await groups.remove(group.id);
    await record(req, group.id, { reason: 'group-removed' });
    flash.set(res, { kind: 'success', key: 'settings.groups.removed', params: { name: group.name } });
    res.redirect(303, home);
  });

  // Where a proof at this address leads back to.
  router.get(`${home}/:id/companies`, guard, async (req, res) => {
    res.redirect(303, `${home}/${(await groupOf(req)).id}`);
  });

  // Chosen from a list, or found by its name: the whole name first, then its beginning. Of several, the page shows a list.
  router.post(`${home}/:id/companies`, ...change, async (req, res) => {
    const group = await groupOf(req);
    const typed = bodyField(req, 'company');
    const name = typeof typed === 'string' ? typed.trim() : '';
    const chosen = bodyField(req, 'id');
    const company = typeof chosen === 'string' && chosen !== '' ? await companies.byId(chosen) : null;
    const found = company ? [company] : await candidates(name);
    const [only] = found;
    if (!only || found.length > 1) {
      const many = found.length > mostChoices;
      const several = many ? 'settings.groups.tooMany' : 'settings.groups.several';
      const field = only && !many ? `id-${only.id}` : 'company';
      const values = { name: group.name, word: group.word ?? '', company: name.slice(0, 100) };
      const errors = [{ field, text: translateOf(res)(only ? several : 'settings.groups.unknown') }];
      res.status(422);
      await showGroup(res, group, { values, errors }, many ? [] : found);
      return;
    }
    await groups.put(only.id, group.id);
    await record(req, group.id, { detail: { companyBefore: null, companyAfter: only.id } });
    flash.set(res, { kind: 'success', key: 'settings.groups.put', params: { name: only.name } });
    res.redirect(303, `${home}/${group.id}`);
  });

  /** The companies of this very name; where there is none, those whose names begin with it. At most one more than are shown. */
  async function candidates(name: string): Promise<Company[]> {
    if (name === '') return [];
    const key = nameKey(name);
    const count = mostChoices + 1;
    // In the order of names they stand first from this place on, however many names have the same words in them.
    const next = await companies.page({ query: '', after: { nameKey: key, id: '0'.repeat(24) }, count });
    const exact = next.filter((company) => nameKey(company.name) === key);
    return exact.length > 0 ? exact : companies.page({ query: name, after: null, count });
  }

  router.post(`${home}/:id/companies/:company/remove`, ...change, async (req, res) => {
    const group = await groupOf(req);
    const company = await companies.byId(String(req.params['company']));
    if (!company) throw new Refused('not-found');
    await groups.take(company.id, group.id);
    await record(req, group.id, { detail: { companyBefore: company.id, companyAfter: null } });
    flash.set(res, { kind: 'success', key: 'settings.groups.taken', params: { name: company.name } });
    res.redirect(303, `${home}/${group.id}`);
  });

  return router;
}

function wordOf(text: string): GroupWord | null | undefined {
  return text === '' ? null : groupWords.find((word) => word === text);
}

function wordsOf(res: Response): { value: string; label: string }[] {
  const t = translateOf(res);
  return [
    { value: '', label: t('settings.groups.word.none') },
    ...groupWords.map((word) => ({ value: word, label: t(`settings.groups.word.${word}`) })),
  ];
}
