import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { Refused } from '../kernel/errors.ts';
import type { FactorTraits } from '../kernel/factor.ts';
import type { PasswordProof, Translate } from '../kernel/ports.ts';
import type { Visitor } from '../kernel/sign-in.ts';
import type { Flash } from '../platform/http/flash.ts';
import {
  bodyField,
  emptyForm,
  line,
  readForm,
  readQuery,
  returnQuery,
  secretField,
  refusedForm,
  refusedStatus,
  type FormView,
} from '../platform/http/forms.ts';
import { safeReturnTo } from '../platform/http/return-to.ts';
import { reasonText } from './reason-text.ts';
import { fieldOf, refusedProof } from './challenge-routes.ts';
import type { EnrolmentRow } from './enrolments.ts';
import { translateOf, type ActiveFactor, type Engine } from './engine.ts';
import { abilitiesOf, isStranded, decide, mayRemove, recoveryOf, viewOf, type Facts } from './policy/decide.ts';
import { enrolmentsPerFactor } from './factor-host.ts';

export interface AccountRoutePorts {
  engine: Engine;
  passwords: PasswordProof;
  flash: Flash;
}

const nameForm = z.object({ name: line(60) });
const confirmQuery = returnQuery.extend({ factor: z.string().max(40).optional() });

/** A person's own security: what is set up, new names, removal, and the proof that comes before each change. */
export function accountRoutes(ports: AccountRoutePorts): Router {
  const router = Router();
  const { engine, flash } = ports;
  const { signIns, audit } = engine.ports;

  function visitorOf(req: Request): Visitor {
    const visitor = signIns.visitor(req);
    if (visitor?.signIn.state !== 'satisfied') throw new Refused('sign-in-expired');
    return visitor;
  }

  /** The visitor's own enrolment of the address; another person's, a malformed or a missing one are the same 404. */
  async function ownEnrolment(req: Request): Promise<EnrolmentRow> {
    const row = await engine.enrolments.byId(visitorOf(req).person.id, String(req.params['id']));
    if (!row) throw new Refused('not-found');
    return row;
  }

  router.get('/account/security', async (req, res) => {
    const { person } = visitorOf(req);
    const facts = await engine.facts(person);
    res.render('account/security', await securityPage(engine, { facts, res, visitor: visitorOf(req) }));
  });

  router.get('/account/enrolments/:id/rename', async (req, res) => {
    const row = await ownEnrolment(req);
    showRename(res, row, { ...emptyForm, values: { name: row.name } });
  });

  router.post('/account/enrolments/:id/rename', engine.freshly, async (req, res) => {
    const row = await ownEnrolment(req);
    const form = readForm(req, nameForm);
    if (!form.ok) {
      refusedStatus(res, form.refusals);
      showRename(res, row, refusedForm({ req, keep: ['name'], refusals: form.refusals, t: translateOf(res) }));
      return;
    }
    if (!(await engine.enrolments.rename(row, form.fields.name))) throw new Refused('not-found');
    await record(req, 'enrolment.renamed', row);
    flash.set(res, { kind: 'success', key: 'enrolment.done.renamed', params: { name: form.fields.name } });
    res.redirect(303, '/account/security');
  });

  // The code asked for on this page is the fresh proof: a second one before it would need another time step.
  router.get('/account/enrolments/:id/remove', async (req, res) => {
    const row = await ownEnrolment(req);
    const facts = await engine.facts(visitorOf(req).person);
    if (!mayRemove(facts, row._id.toHexString())) throw new Refused('removal-not-allowed');
    showRemove(engine, res, { row, facts, form: emptyForm });
  });

  router.post('/account/enrolments/:id/remove', async (req, res) => {
    const { person } = visitorOf(req);
    const row = await ownEnrolment(req);
    const facts = await engine.facts(person);
    if (!mayRemove(facts, row._id.toHexString())) throw new Refused('removal-not-allowed');
    const factor = provingFactor(engine, facts);
    if (!factor) throw new Refused('removal-not-allowed');
    const refusal = await engine.prove(req, res, factor.definition.id, 'disable');
    if (refusal) {
      showRemove(engine, res, { row, facts, form: refusedProof(res, refusal) });
      return;
    }
    await engine.changing(person.id, async (now) => {
      if (!mayRemove(await engine.facts(now), row._id.toHexString())) throw new Refused('removal-not-allowed');
      await remove(req, row);
    });
    await signIns.refresh(req, factor.definition.id);
    await signIns.endOthers(req, 'factor-removed');
    flash.set(res, { kind: 'success', key: 'enrolment.done.removed', params: { name: row.name } });
    res.redirect(303, '/account/security');
  });

  async function remove(req: Request, row: EnrolmentRow): Promise<void> {
    const { person } = visitorOf(req);
    if (!(await engine.enrolments.remove(row))) throw new Refused('not-found');
    await gone(req, row);
    for (const lone of await loneRecovery(engine, person.id)) {
      if (await engine.enrolments.remove(lone)) await gone(req, lone);
    }
    await engine.noteState(person);
  }

  async function gone(req: Request, row: EnrolmentRow): Promise<void> {
    const { person } = visitorOf(req);
    await engine.factors.get(row.factor)?.running.release?.(person.id);
    await record(req, 'enrolment.removed', row);
    await engine.tell({ event: 'removed', factor: row.factor, role: engine.roleOf(row.factor), personId: person.id });
  }

  async function record(req: Request, event: string, row: EnrolmentRow): Promise<void> {
    const { person, signIn } = visitorOf(req);
    await audit.record({
      event,
      outcome: 'success',
      actor: { kind: 'person', id: person.id },
      target: { kind: 'enrolment', id: row._id.toHexString() },
      factor: row.factor,
      signInId: signIn.id,
    });
  }

  router.get('/account/confirm', async (req, res) => {
    const query = readQuery(req, confirmQuery);
    const ways = await waysToConfirm(req, query.factor);
    showConfirm(res, { ...ways, returnTo: safeReturnTo(query.returnTo), form: emptyForm });
  });

  router.post('/account/confirm', async (req, res) => {
    const chosen = bodyField(req, 'factor');
    const { factor, others } = await waysToConfirm(req, typeof chosen === 'string' ? chosen : undefined);
    const returnTo = safeReturnTo(bodyField(req, 'returnTo'));
    const form = factor ? await confirmByFactor(req, res, factor) : await confirmByPassword(req, res, visitorOf(req));
    if (form) {
      showConfirm(res, { factor, others, returnTo, form });
      return;
    }
    const next = await signIns.refresh(req, factor?.definition.id ?? 'password');
    if (!next) throw new Refused('challenge-expired');
    res.redirect(303, returnTo ?? '/account/security');
  });

  router.get('/account/confirm/methods', async (req, res) => {
    const { returnTo } = readQuery(req, returnQuery);
    const { all } = await waysToConfirm(req);
    const t = translateOf(res);
    const action = '/account/confirm/methods';
    const methods = all.map(({ definition: { id } }) => ({
      action,
      label: t(`${id}.method`),
      hint: t(`${id}.description`),
      hidden: { factor: id, returnTo: safeReturnTo(returnTo) ?? '' },
    }));
    res.render('sign-in/methods', {
      methods,
      back: { href: confirmHref({ returnTo: safeReturnTo(returnTo) }) },
      help: null,
      pageMode: 'narrow',
    });
  });

  router.post('/account/confirm/methods', async (req, res) => {
    const returnTo = safeReturnTo(bodyField(req, 'returnTo'));
    const { all } = await waysToConfirm(req);
    const chosen = all.find(({ definition }) => definition.id === bodyField(req, 'factor'));
    if (!chosen || !(await engine.moveTo(req, chosen.definition.id, 'stepUp'))) throw new Refused('challenge-expired');
    res.redirect(303, confirmHref({ returnTo, factor: chosen.definition.id }));
  });

  /** All factors that can confirm the visitor now, and the one to ask: the chosen, else the recovery factor that was given last, else the first. */
  async function waysToConfirm(req: Request, chosen?: string) {
    const { person, signIn } = visitorOf(req);
    const facts = await engine.facts(person);
    if (isStranded(facts)) throw new Refused('factor-unavailable');
    const all = confirmingFactors(engine, facts);
    // Who came in by a recovery factor has lost the others, as far as we know: asking for those would shut them out of setting up anew.
    const recovered = all.find(
      ({ definition }) => definition.traits.role === 'recovery' && signIn.methods.at(-1) === definition.id,
    );
    const factor = all.find(({ definition }) => definition.id === chosen) ?? recovered ?? all[0] ?? null;
    return { all, factor, others: all.length > 1 };
  }

  async function confirmByFactor(req: Request, res: Response, factor: ActiveFactor): Promise<FormView | null> {
    const refusal = await engine.prove(req, res, factor.definition.id, 'stepUp');
    return refusal && refusedProof(res, refusal);
  }

  async function confirmByPassword(req: Request, res: Response, visitor: Visitor): Promise<FormView | null> {
    const form = readForm(req, z.object({ password: secretField }));
    const refusals = form.ok
      ? await ports.passwords.check(req, res, visitor.person, form.fields.password)
      : form.refusals;
    if (refusals.length === 0) return null;
    refusedStatus(res, refusals);
    return refusedForm({ req, keep: [], refusals, t: translateOf(res) });
  }

  return router;
}

/** The factor that proves a person where one is taken away: their first primary one; null where they have none. */
function provingFactor(engine: Engine, facts: Facts): ActiveFactor | null {
  const view = viewOf(facts);
  const [one] = [...view.usable, ...view.retired];
  return engine.factors.get(one?.factor ?? '') ?? null;
}

/** The factors that confirm a person before a change, as at sign-in: primary ones first, then recovery. Empty: the password is all they have. */
function confirmingFactors(engine: Engine, facts: Facts): ActiveFactor[] {
  const view = viewOf(facts);
  const primary = [...view.usable, ...view.retired];
  const ids = primary.length > 0 ? [...primary.map((one) => one.factor), ...recoveryOf(view)] : [];
  return [...new Set(ids)].flatMap((id) => engine.factors.get(id) ?? []);
}

function confirmHref(to: { returnTo: string | null; factor?: string }): string {
  const query = new URLSearchParams({
    ...(to.factor === undefined ? {} : { factor: to.factor }),
    ...(to.returnTo === null ? {} : { returnTo: to.returnTo }),
  });
  return query.size > 0 ? `/account/confirm?${query.toString()}` : '/account/confirm';
}

/** Recovery factors go when the last primary one goes: alone they would guard nothing. */
async function loneRecovery(engine: Engine, personId: string): Promise<EnrolmentRow[]> {
  const rows = await engine.enrolments.activeOf(personId);
  return rows.some((row) => engine.roleOf(row.factor) === 'primary') ? [] : rows;
}

function showRename(res: Response, row: EnrolmentRow, form: FormView): void {
  const action = `/account/enrolments/${row._id.toHexString()}/rename`;
  res.render('account/rename', { action, current: row.name, cancelHref: '/account/security', form });
}

function showRemove(engine: Engine, res: Response, page: { row: EnrolmentRow; facts: Facts; form: FormView }): void {
  const t = translateOf(res);
  const { row, facts, form } = page;
  const factor = provingFactor(engine, facts);
  const last = !viewOf(facts).usable.some((one) => one.id !== row._id.toHexString());
  const recovery = facts.enrolments.some((one) => one.role === 'recovery');
  res.render('account/remove', {
    action: `/account/enrolments/${row._id.toHexString()}/remove`,
    heading: t('account.remove.heading', { name: row.name }),
    facts: [
      { term: t('account.remove.what'), text: row.name },
      ...(row.lastUsedAt ? [{ term: t('account.remove.lastUsed'), when: row.lastUsedAt }] : []),
    ],
    consequences: [
      t('account.remove.stops'),
      ...(last ? [t('account.remove.last')] : []),
      ...(last && recovery ? [t('account.remove.recovery')] : []),
      t('account.remove.others'),
      t('account.remove.undo'),
    ],
    submitLabel: t('account.remove.submit', { name: row.name }),
    cancelHref: '/account/security',
    ...(factor ? fieldOf(factor) : {}),
    form,
  });
}

function showConfirm(
  res: Response,
  page: { factor: ActiveFactor | null; others: boolean; returnTo: string | null; form: FormView },
): void {
  const t = translateOf(res);
  const field = page.factor ? fieldOf(page.factor) : { fieldView: 'account/password-proof', fieldLocals: {} };
  res.render('sign-in/challenge', {
    action: '/account/confirm',
    heading: t('challenge.stepUp.heading'),
    lead: t('challenge.stepUp.lead'),
    ...field,
    hidden: { returnTo: page.returnTo ?? '', ...(page.factor ? { factor: page.factor.definition.id } : {}) },
    submitLabel: t('challenge.stepUp.submit'),
    otherWays: page.others
      ? confirmHref({ returnTo: page.returnTo }).replace('/account/confirm', '/account/confirm/methods')
      : null,
    help: null,
    cancel: { href: '/account/security', label: t('challenge.page.cancel') },
    cancelIsSignOut: false,
    pageMode: 'narrow',
    form: page.form,
  });
}

async function securityPage(engine: Engine, page: { facts: Facts; res: Response; visitor: Visitor }): Promise<object> {
  const { facts, res, visitor } = page;
  const t = translateOf(res);
  const decision = decide(facts);
  const abilities = abilitiesOf(facts);
  const rows = await engine.enrolments.activeOf(visitor.person.id);
  const offers = await engine.offered(visitor.person, facts);
  const factors = [];
  for (const factor of engine.factors.values()) {
    const { id } = factor.definition;
    const { role } = factor.definition.traits;
    const own = rows.filter((row) => row.factor === id && row.epoch === facts.policy.enrolmentEpoch);
    const offered = offers.includes(id);
    if (own.length === 0 && !offered) continue;
    const summary = await factor.running.summarise(visitor.person.id);
    const stuck = facts.enrolments.some((one) => one.factor === id && one.stuck);
    factors.push({
      id,
      label: t(`${id}.name`),
      summary: summary ? t(summary.key, summary.params) : t(`${id}.description`),
      state: stuck
        ? 'unavailable'
        : own.length > 0
          ? 'on'
          : decision.outcome === 'satisfied' && decision.recommended
            ? 'recommended'
            : 'off',
      enrolments: own.map((row) => enrolmentLine(row, { facts, role })),
      ...ways(t, { id, role, own: own.length, mayAdd: offered && (role === 'recovery' || abilities.mayAddAnother) }),
      note: null,
    });
  }
  return {
    requirement: reasonText(t, visitor.person, decision),
    factors,
    password: { changedAt: visitor.person.passwordSetAt },
  };
}

/** A recovery factor is set up once and then managed; of a primary one there may be several. */
function ways(t: Translate, factor: { id: string; role: FactorTraits['role']; own: number; mayAdd: boolean }): object {
  const href = `/account/factors/${factor.id}`;
  const manages = factor.role === 'recovery' && factor.own > 0;
  return {
    setUpHref: factor.mayAdd && !manages && factor.own < enrolmentsPerFactor ? href : null,
    ...(manages && factor.mayAdd ? { manageHref: href, manageLabel: t(`${factor.id}.manage`) } : {}),
  };
}

function enrolmentLine(row: EnrolmentRow, { facts, role }: { facts: Facts; role: FactorTraits['role'] }): object {
  const id = row._id.toHexString();
  return {
    id,
    name: row.name,
    lastUsed: row.lastUsedAt,
    created: row.confirmedAt ?? row.createdAt,
    // Of a recovery factor there is one: its name tells nothing apart.
    ...(role === 'primary' ? { renameAction: `/account/enrolments/${id}/rename` } : {}),
    ...(mayRemove(facts, id) ? { removeHref: `/account/enrolments/${id}/remove` } : {}),
  };
}
