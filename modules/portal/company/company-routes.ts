import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { keyOf } from '../../accounts/directory.ts';
import { parseEmail } from '../../accounts/passwords/email.ts';
import { isRefused, Refused } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import type { Ceiling } from '../../kernel/ports.ts';
import { translateOf } from '../../mfa/engine.ts';
import { throttledUntil } from '../../platform/http/throttled.ts';
import {
  bodyField,
  emptyForm,
  line,
  readForm,
  refusedForm,
  refusedStatus,
  type FormView,
} from '../../platform/http/forms.ts';
import { companyActions, type CompanyAction } from './company-actions.ts';
import type { CompanyPorts } from './company-ports.ts';

const pageSize = 50;
// An invitation is a mail to anybody at all: so many for a company, whoever of it sends them.
const inviteCeiling: Ceiling = { tries: 20, windowSeconds: 3600 };
const inviteForm = z.object({ name: line(100), email: line(254) });
const reasonForm = z.object({ reason: line(200) });

/** The Admin tab of a company: its own portal users, and nobody else's (P8-P12). */
export function companyRoutes(ports: CompanyPorts): Router {
  const router = Router();
  const { access, audit, flash, engine } = ports;

  router.get('/company', access.guard, async (req, res) => {
    const { companyId } = await access.administrator(req);
    const t = translateOf(res);
    const after = afterOf(req);
    const users = await ports.directory.page({ kind: 'contact', companyId }, { after, count: pageSize + 1 });
    const shown = users.slice(0, pageSize);
    const last = users.length > pageSize ? shown.at(-1) : undefined;
    res.render('company/users', {
      table: {
        caption: t('company.users.caption'),
        count: t('company.users.count', { count: await ports.directory.count({ kind: 'contact', companyId }) }),
        columns: [t('company.users.name'), t('company.users.state'), t('company.users.last')],
        rows: shown.map((user) => [
          { text: user.name, href: `/company/users/${user.id}`, quiet: user.email },
          { badge: badgeOf(user, t) },
          { when: user.lastSignInAt },
        ]),
      },
      nextHref: last ? `/company?after=${encodeURIComponent(JSON.stringify(keyOf(last)))}` : null,
    });
  });

  router.get('/company/invite', access.guard, engine.freshly, (_req, res) => {
    res.render('company/invite', { form: emptyForm });
  });

  router.post('/company/invite', access.guard, engine.freshly, async (req, res) => {
    const { person } = await access.administrator(req);
    const form = readForm(req, inviteForm);
    const address = form.ok ? parseEmail(form.fields.email) : null;
    const refusals = form.ok ? (address ? [] : [new Refused('field-email', { field: 'email' })]) : form.refusals;
    if (!form.ok || !address) {
      showInvite(req, res, refusals);
      return;
    }
    // Before the address is looked for: what the answer tells of other companies' people is limited with it.
    const mark = await ports.throttle.take(['company-invite', person.companyId ?? ''], inviteCeiling);
    if (!mark.allowed) throw throttledUntil(mark.retryAt, res, 'throttled');
    try {
      const user = await ports.accounts.create({
        kind: 'contact',
        name: form.fields.name,
        email: address.email,
        emailKey: address.key,
        company: { id: person.companyId ?? '', name: person.companyName ?? '' },
        password: null,
        passwordShort: false,
      });
      await ports.invite(user, { by: { kind: 'person', id: person.id }, inviter: person.name });
      flash.set(res, { kind: 'success', key: 'company.done.invited', params: { name: user.name } });
      res.redirect(303, `/company/users/${user.id}`);
    } catch (error) {
      if (!isRefused(error, 'field-taken')) throw error;
      showInvite(req, res, [error]);
    }
  });

  router.get('/company/users/:id', access.guard, async (req, res) => {
    const { mayRequire, person } = await access.administrator(req);
    const user = await access.user(req);
    const t = translateOf(res);
    res.render('company/user', {
      user,
      badge: badgeOf(user, t),
      self: user.id === person.id,
      actions: companyActions.filter((action) => action.offered(user)).map(({ path }) => path),
      mayRequire,
      byStaff: user.staffWord === 'required',
      exempt: user.staffWord === 'exempt',
      required: user.staffWord === 'required' || user.companyWord === 'required',
    });
  });

  // Whoever has the Admin tab can take away what a company administrator said; what staff said stays (P11).
  router.post('/company/users/:id/requirement', access.guard, engine.freshly, async (req, res) => {
    const { mayRequire, person } = await access.administrator(req);
    const user = await access.user(req);
    if (!mayRequire || user.staffWord !== 'inherit') throw new Refused('forbidden');
    const companyWord = bodyField(req, 'required') === 'yes' ? ('required' as const) : ('inherit' as const);
    if (companyWord !== user.companyWord) {
      await ports.accounts.edit(user.id, { companyWord });
      await audit.record({
        event: 'person.edited',
        outcome: 'success',
        actor: { kind: 'person', id: person.id },
        target: { kind: 'person', id: user.id },
        detail: { companyWordBefore: user.companyWord, companyWordAfter: companyWord },
      });
    }
    const key = companyWord === 'required' ? 'company.done.required' : 'company.done.notRequired';
    flash.set(res, { kind: 'success', key, params: { name: user.name } });
    res.redirect(303, `/company/users/${user.id}`);
  });

  for (const action of companyActions) {
    const path = `/company/users/:id/${action.path}`;
    router.get(path, access.guard, engine.freshly, async (req, res) => {
      showAction(res, { action, user: await other(req), form: emptyForm });
    });
    router.post(path, access.guard, engine.freshly, async (req, res) => {
      const user = await other(req);
      const form = readForm(req, reasonForm);
      if (!form.ok) {
        refusedStatus(res, form.refusals);
        const view = refusedForm({ req, keep: ['reason'], refusals: form.refusals, t: translateOf(res) });
        showAction(res, { action, user, form: view });
        return;
      }
      const { id } = (await access.administrator(req)).person;
      const done = await action.run(ports, user, { actor: { kind: 'person', id }, reason: form.fields.reason });
      const said = done
        ? ({ kind: 'success', key: `company.done.${action.path}` } as const)
        : ({ kind: 'warning', key: `company.already.${action.path}` } as const);
      flash.set(res, { ...said, params: { name: user.name } });
      res.redirect(303, `/company/users/${user.id}`);
    });
  }

  /** Nobody does these things to themselves: their own security page is for that, and nobody gives up the Admin tab by mistake. */
  async function other(req: Request): Promise<Person> {
    const { person } = await access.administrator(req);
    const user = await access.user(req);
    if (user.id === person.id) throw new Refused('own-account');
    return user;
  }

  return router;
}

function showInvite(req: Request, res: Response, refusals: readonly Refused[]): void {
  const form = refusedForm({ req, keep: ['name', 'email'], refusals: [...refusals], t: translateOf(res) });
  refusedStatus(res, [...refusals]).render('company/invite', { form });
}

function showAction(res: Response, page: { action: CompanyAction; user: Person; form: FormView }): void {
  res.render('company/action', page);
}

function badgeOf(user: Person, t: (key: string) => string): { state: string; label: string } {
  const state = user.disabled
    ? 'disabled'
    : !user.hasPassword
      ? 'invited'
      : user.mfaState === 'enrolled'
        ? 'on'
        : 'off';
  return { state: state === 'on' ? 'on' : 'off', label: t(`company.state.${state}`) };
}

const pageKey = z.object({ nameKey: z.string().max(200), id: z.string().regex(/^[0-9a-f]{24}$/) });

function afterOf(req: Request) {
  const { after } = req.query;
  if (typeof after !== 'string' || after.length > 500) return null;
  try {
    return pageKey.parse(JSON.parse(after));
  } catch {
    return null;
  }
}
