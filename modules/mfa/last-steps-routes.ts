import { Router, type Request, type Response } from 'express';
import { Refused } from '../kernel/errors.ts';
import { hasProvenFactor, pageAfterSignIn, type LastSteps, type Visitor } from '../kernel/sign-in.ts';
import type { Flash } from '../platform/http/flash.ts';
import { translateOf, type Engine } from './engine.ts';
import { endForNewSignIn } from './factor-host.ts';
import { decideFor, lastStepsPage } from './gate.ts';
import { missingRecovery } from './policy/decide.ts';

/** The end of a set-up, or of a sign-in that lacks a recovery factor: what was done, codes for the day the phone is gone, and on (Z10-Z12). */
export function lastStepsRoutes(engine: Engine, flash: Flash): Router {
  const router = Router();
  const { signIns } = engine.ports;

  async function required(req: Request): Promise<{ visitor: Visitor; steps: LastSteps; reason: string }> {
    const visitor = signIns.visitor(req);
    const steps = visitor?.signIn.lastSteps;
    if (!visitor || !steps || visitor.signIn.state !== 'password' || !hasProvenFactor(visitor.signIn))
      throw new Refused('challenge-expired');
    // The policy may have moved since the proof: one that counts no longer lets nobody in.
    const decision = await decideFor(engine, visitor);
    if (decision.outcome !== 'verify' || decision.retired) throw new Refused('challenge-expired');
    return { visitor, steps, reason: decision.reason };
  }

  async function isAgain({ visitor, steps }: { visitor: Visitor; steps: LastSteps }): Promise<boolean> {
    const policy = await engine.policies.of(visitor.person.kind);
    return steps.enrolled && engine.settingsOf(steps.factor, policy).afterEnrol === 'signInAgain';
  }

  async function show(res: Response, at: { visitor: Visitor; steps: LastSteps }, refused: boolean): Promise<void> {
    const t = translateOf(res);
    const facts = await engine.facts(at.visitor.person);
    const missing = missingRecovery(facts);
    const offers = [];
    for (const id of facts.recovery) {
      const summary = await engine.factors.get(id)?.running.summarise(at.visitor.person.id);
      offers.push({
        label: t(`${id}.name`),
        summary: summary ? t(summary.key, summary.params) : t(`${id}.description`),
        href: summary ? null : `/account/factors/${id}`,
        action: t(`${id}.make`),
        mandatory: missing.includes(id),
      });
    }
    res.status(refused ? 422 : 200).render('sign-in/done', {
      action: lastStepsPage,
      heading: t(at.steps.enrolled ? 'enrol.done.heading' : 'enrol.done.recoveryHeading'),
      lead: t(at.steps.enrolled ? 'enrol.done.lead' : 'enrol.done.recoveryLead', {
        factor: t(`${at.steps.factor}.name`),
      }),
      offers,
      submitLabel: t((await isAgain(at)) ? 'enrol.done.signIn' : 'enrol.done.continue'),
      form: { values: {}, errors: refused ? [{ field: '', text: t('enrol.done.mandatory') }] : [] },
    });
  }

  router.get(lastStepsPage, async (req, res) => {
    await show(res, await required(req), false);
  });

  router.post(lastStepsPage, async (req, res) => {
    const at = await required(req);
    if (missingRecovery(await engine.facts(at.visitor.person)).length > 0) {
      await show(res, at, true);
    } else if (await isAgain(at)) {
      await endForNewSignIn(engine, flash, req, res);
    } else {
      const next = await signIns.satisfy(req, null, { reason: at.reason, fresh: 'as before' });
      if (!next) throw new Refused('challenge-expired');
      res.redirect(303, pageAfterSignIn(next, at.visitor.person));
    }
  });

  return router;
}
