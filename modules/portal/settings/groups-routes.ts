import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Companies } from '../../accounts/companies.ts';
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
const groupForm = z.object({ name: line(100), word: z.string() });

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

  async function showGroup(res: Response, group: Group, form: FormView): Promise<void> {
    const ids = await groups.membersOf(group.id);
    const members = await Promise.all(ids.slice(0, 500).map((id) => companies.byId(id)));
    res.render('staff/settings-group', {
      group,
      members: members.flatMap((company) => (company ? [{ id: company.id, name: company.name }] : [])),
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
      const refusals = form.ok
        ? [new Refused(word === undefined ? 'field-choice' : 'field-taken', { field: 'name' })]
        : form.refusals;
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
      const refusals = form.ok
        ? [new Refused(word === undefined ? 'field-choice' : 'field-taken', { field: 'name' })]
        : form.refusals;
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

  // Found by the beginning of its name, taken literally: the first that matches, which the page then shows.
  router.post(`${home}/:id/companies`, ...change, async (req, res) => {
    const group = await groupOf(req);
    const typed = bodyField(req, 'company');
    const name = typeof typed === 'string' ? typed.trim() : '';
    const found = name === '' ? [] : await companies.page({ query: name, after: null, count: 2 });
    const exact = found.find((company) => company.name.toLowerCase() === name.toLowerCase());
    const company = exact ?? (found.length === 1 ? found[0] : undefined);
    if (!company) {
      res.status(422);
      const errors = [
        {
          field: 'company',
          text: translateOf(res)(found.length > 1 ? 'settings.groups.several' : 'settings.groups.unknown'),
        },
      ];
      await showGroup(res, group, {
        values: { name: group.name, word: group.word ?? '', company: name.slice(0, 100) },
        errors,
      });
      return;
    }
    await groups.put(company.id, group.id);
    await record(req, group.id, { detail: { companyBefore: null, companyAfter: company.id } });
    flash.set(res, { kind: 'success', key: 'settings.groups.put', params: { name: company.name } });
    res.redirect(303, `${home}/${group.id}`);
  });

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
