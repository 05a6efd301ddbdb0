import { Router, type Request, type Response } from 'express';
import { Refused } from '../kernel/errors.ts';
import type { Person } from '../kernel/person.ts';
import type { PasswordProof } from '../kernel/ports.ts';
import { signedIn } from '../kernel/sign-in.ts';
import type { Flash } from '../platform/http/flash.ts';
import { emptyForm, type FormView } from '../platform/http/forms.ts';
import { translateOf, type Engine } from './engine.ts';
import { abilitiesOf, type Facts } from './policy/decide.ts';
import { provingFactors, removeEnrolment } from './removal.ts';
import { checkTurnOff, proofFields, provingOf, provingPage, turnOffMethod, type Proving } from './turn-off-proof.ts';

const path = '/account/mfa/disable';

/** The account menu's two ways: on to a set-up, and off again, all of it at once (P1, P4, P6, P7). */
export function disableRoutes(ports: { engine: Engine; passwords: PasswordProof; flash: Flash }): Router {
  const { engine, passwords, flash } = ports;
  const router = Router();
  const { signIns, audit } = engine.ports;

  router.get('/account/mfa/enable', async (req, res) => {
    const { person } = signedIn(signIns, req);
    const offers = engine.offered(await engine.facts(person)).filter((id) => engine.roleOf(id) === 'primary');
    const [only, ...others] = offers;
    res.redirect(303, only !== undefined && others.length === 0 ? `/account/factors/${only}` : '/account/security');
  });

  router.get(path, async (req, res) => {
    const facts = await engine.facts(signedIn(signIns, req).person);
    await show(engine, req, res, { proving: mayTurnOff(req, facts), facts, form: emptyForm });
  });

  // As at a removal, the code asked for here is the fresh proof; a session alone turns nothing off (P6).
  router.post(path, async (req, res) => {
    const { person } = signedIn(signIns, req);
    const facts = await engine.facts(person);
    const proving = mayTurnOff(req, facts);
    const { factor } = proving;
    const refused = await checkTurnOff(engine, passwords, { req, res, person, factor, facts });
    if (refused === 'begun') {
      res.redirect(303, provingPage(path, factor));
      return;
    }
    if (refused) {
      await show(engine, req, res, { proving, facts, form: refused });
      return;
    }
    await engine.changing(person.id, (now) => turnOff(req, now));
    await signIns.refresh(req, turnOffMethod(factor, facts));
    await signIns.endOthers(req, 'factor-removed');
    flash.set(res, { kind: 'success', key: 'account.disable.done' });
    res.redirect(303, '/account/security');
  });

  /** Whose policy does not let them gets the same answer from page and form, however it was sent (P9, D12). */
  function mayTurnOff(req: Request, facts: Facts): Proving {
    const signedInBy = signedIn(signIns, req).signIn.methods.at(-1);
    const proving = provingOf(req, provingFactors(engine, facts, { removed: null, signedInBy }));
    if (!proving || !abilitiesOf(facts).mayDisable) throw new Refused('removal-not-allowed');
    return proving;
  }

  async function turnOff(req: Request, person: Person): Promise<void> {
    if (!abilitiesOf(await engine.facts(person)).mayDisable) throw new Refused('removal-not-allowed');
    const rows = await engine.enrolments.activeOf(person.id);
    let removed = 0;
    // Whatever its state or epoch: one that stayed behind could block its person at the next sign-in.
    for (const row of rows) if (await removeEnrolment(engine, person, row)) removed += 1;
    await engine.enrolments.discardAll(person.id);
    await engine.noteState(person);
    const who = { kind: 'person' as const, id: person.id };
    const { signIn } = signedIn(signIns, req);
    await audit.record({
      event: 'mfa.turned-off',
      outcome: 'success',
      actor: who,
      target: who,
      signInId: signIn.id,
      detail: { removed },
    });
  }

  return router;
}

async function show(
  engine: Engine,
  req: Request,
  res: Response,
  page: { proving: Proving; facts: Facts; form: FormView },
): Promise<void> {
  const t = translateOf(res);
  const recovery = page.facts.enrolments.some((one) => one.role === 'recovery');
  const names = [...new Set(page.facts.enrolments.map((one) => t(`${one.factor}.name`)))];
  res.render('account/remove', {
    action: path,
    heading: t('account.disable.heading'),
    facts: [{ term: t('account.remove.what'), text: names.join(', ') }],
    consequences: [
      t('account.disable.password'),
      t('account.remove.stops'),
      ...(recovery ? [t('account.remove.recovery')] : []),
      t('account.remove.others'),
      t('account.remove.undo'),
    ],
    submitLabel: t('account.disable.submit'),
    cancelHref: '/account/security',
    ...(await proofFields(engine, { req, res, path, proving: page.proving, facts: page.facts })),
    form: page.form,
  });
}
