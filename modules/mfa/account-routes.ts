import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { Refused } from '../kernel/errors.ts';
import type { Person } from '../kernel/person.ts';
import type { PasswordProof } from '../kernel/ports.ts';
import { signedIn } from '../kernel/sign-in.ts';
import type { Flash } from '../platform/http/flash.ts';
import { emptyForm, line, readForm, refusedForm, refusedStatus, type FormView } from '../platform/http/forms.ts';
import type { EnrolmentRow } from './enrolments.ts';
import { translateOf, type Engine } from './engine.ts';
import { mayRemove, viewOf, type Facts } from './policy/decide.ts';
import { provingFactors, removeEnrolment } from './removal.ts';
import { checkTurnOff, proofFields, provingOf, provingPage, turnOffMethod, type Proving } from './turn-off-proof.ts';

const nameForm = z.object({ name: line(60) });

/** A person's own enrolments, one by one: a new name, and removal. */
export function accountRoutes(ports: { engine: Engine; passwords: PasswordProof; flash: Flash }): Router {
  const { engine, flash } = ports;
  const router = Router();
  const { signIns, audit } = engine.ports;
  const personOf = (req: Request) => signedIn(signIns, req).person;

  /** The visitor's own enrolment of the address; another person's, a malformed or a missing one are the same 404. */
  async function ownEnrolment(req: Request): Promise<EnrolmentRow> {
    const row = await engine.enrolments.byId(personOf(req).id, String(req.params['id']));
    if (!row) throw new Refused('not-found');
    return row;
  }

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
    const facts = await engine.facts(personOf(req));
    await showRemove(engine, req, res, { row, facts, proving: provingRemoval(req, row, facts), form: emptyForm });
  });

  router.post('/account/enrolments/:id/remove', async (req, res) => {
    const row = await ownEnrolment(req);
    const facts = await engine.facts(personOf(req));
    const proving = provingRemoval(req, row, facts);
    const { factor } = proving;
    const refused = await checkTurnOff(engine, ports.passwords, { req, res, person: personOf(req), factor, facts });
    if (refused === 'begun') {
      res.redirect(303, provingPage(req.path, factor));
      return;
    }
    if (refused) {
      await showRemove(engine, req, res, { row, facts, proving, form: refused });
      return;
    }
    await engine.changing(personOf(req).id, async (now) => {
      if (!mayRemove(await engine.facts(now), row._id.toHexString())) throw new Refused('removal-not-allowed');
      await remove(req, now, row);
    });
    await signIns.refresh(req, turnOffMethod(factor, facts));
    await signIns.endOthers(req, 'factor-removed');
    flash.set(res, { kind: 'success', key: 'enrolment.done.removed', params: { name: row.name } });
    res.redirect(303, '/account/security');
  });

  function provingRemoval(req: Request, row: EnrolmentRow, facts: Facts): Proving {
    const signedInBy = signedIn(signIns, req).signIn.methods.at(-1);
    const proving = provingOf(req, provingFactors(engine, facts, { removed: row.factor, signedInBy }));
    if (!proving || !mayRemove(facts, row._id.toHexString())) throw new Refused('removal-not-allowed');
    return proving;
  }

  async function remove(req: Request, person: Person, row: EnrolmentRow): Promise<void> {
    if (!(await removeEnrolment(engine, person, row))) throw new Refused('not-found');
    await record(req, 'enrolment.removed', row);
    for (const lone of await loneRecovery(engine, person.id)) {
      if (await removeEnrolment(engine, person, lone)) await record(req, 'enrolment.removed', lone);
    }
    await engine.noteState(person);
  }

  async function record(req: Request, event: string, row: EnrolmentRow): Promise<void> {
    const { person, signIn } = signedIn(signIns, req);
    await audit.record({
      event,
      outcome: 'success',
      actor: { kind: 'person', id: person.id },
      target: { kind: 'enrolment', id: row._id.toHexString() },
      factor: row.factor,
      signInId: signIn.id,
    });
  }

  return router;
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

async function showRemove(
  engine: Engine,
  req: Request,
  res: Response,
  page: { row: EnrolmentRow; facts: Facts; proving: Proving; form: FormView },
): Promise<void> {
  const t = translateOf(res);
  const { row, facts, proving, form } = page;
  const path = `/account/enrolments/${row._id.toHexString()}/remove`;
  const last = !viewOf(facts).usable.some((one) => one.id !== row._id.toHexString());
  const recovery = facts.enrolments.some((one) => one.role === 'recovery');
  res.render('account/remove', {
    action: path,
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
    ...(await proofFields(engine, { req, res, path, proving, facts })),
    form,
  });
}
