import { Router, type Request, type Response } from 'express';
import { Refused } from '../kernel/errors.ts';
import { signedIn } from '../kernel/sign-in.ts';
import { bodyField, emptyForm, refusedForm, type FormView } from '../platform/http/forms.ts';
import { translateOf, type Engine } from './engine.ts';
import type { EnrolmentRow } from './enrolments.ts';
import { abilitiesOf, mayReplace, type Facts } from './policy/decide.ts';

/** A new factor in the place of an old one, in one go: the old one works until the new one is confirmed. */
export function replacementRoutes(engine: Engine): Router {
  const router = Router();
  const { signIns } = engine.ports;

  async function wanted(req: Request): Promise<{ row: EnrolmentRow; facts: Facts; factors: readonly string[] }> {
    const { person } = signedIn(signIns, req);
    const row = await engine.enrolments.byId(person.id, String(req.params['id']));
    if (!row || engine.roleOf(row.factor) !== 'primary') throw new Refused('not-found');
    const facts = await engine.facts(person);
    const factors = await engine.replacementsOf(row.factor, person, facts);
    if (!abilitiesOf(facts).mayEnrol || factors.length === 0) throw new Refused('enrolment-not-allowed');
    if (!mayReplace(facts)) throw new Refused('deactivate-first');
    return { row, facts, factors };
  }

  router.get('/account/enrolments/:id/replace', engine.freshly, async (req, res) => {
    show(res, await wanted(req), emptyForm);
  });

  router.post('/account/enrolments/:id/replace', engine.freshly, async (req, res) => {
    const at = await wanted(req);
    const [only, ...others] = at.factors;
    const chosen = others.length === 0 ? only : at.factors.find((id) => id === bodyField(req, 'factor'));
    if (chosen === undefined) {
      const refusals = [new Refused('field-choice', { field: 'factor' })];
      show(res.status(422), at, refusedForm({ req, keep: [], refusals, t: translateOf(res) }));
      return;
    }
    const { signIn } = signedIn(signIns, req);
    if (!(await engine.enrolments.startReplacement(at.row, { signInId: signIn.id, factor: chosen })))
      throw new Refused('not-found');
    res.redirect(303, `/account/factors/${chosen}`);
  });

  return router;
}

function show(res: Response, at: { row: EnrolmentRow; factors: readonly string[] }, form: FormView): void {
  const t = translateOf(res);
  res.render('account/replace', {
    action: `/account/enrolments/${at.row._id.toHexString()}/replace`,
    name: at.row.name,
    choices: at.factors.map((id) => ({ value: id, label: t(`${id}.name`), hint: t(`${id}.description`) })),
    form,
  });
}
