import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { Refused } from '../kernel/errors.ts';
import type { Decision, Translate } from '../kernel/ports.ts';
import { pageAfterSignIn, type Visitor } from '../kernel/sign-in.ts';
import type { Flash } from '../platform/http/flash.ts';
import { bodyField, emptyForm, readForm, type FormView } from '../platform/http/forms.ts';
import { translateOf, type ActiveFactor, type Engine } from './engine.ts';
import { proofField, takeProof } from './proof.ts';
import { reasonText } from './reason-text.ts';
import type { Person } from '../kernel/person.ts';
import { missingRecovery } from './policy/decide.ts';
import { decideFor, lastStepsPage } from './gate.ts';

/** The one other way by its name; several have a page of their own. Each is a POST, for moving there may send a message. */
function waysOf(factors: readonly string[], current: string, t: Translate): object {
  const [only, ...others] = factors.filter((id) => id !== current);
  if (only === undefined) return { otherWays: null };
  if (others.length > 0) return { otherWays: '/sign-in/methods' };
  return {
    otherWays: null,
    otherWay: { action: '/sign-in/methods', label: t(`${only}.method`), hidden: { factor: only } },
  };
}

const methodForm = z.object({ factor: z.string().max(40) });

/** The steps of a sign-in between the password and the portal. */
export function challengeRoutes(engine: Engine, options: { helpContact: string; flash: Flash }): Router {
  const router = Router();
  const { signIns } = engine.ports;

  const whom = (res: Response) =>
    options.helpContact === ''
      ? translateOf(res)('blocked.whom.operator')
      : translateOf(res)('blocked.whom.contact', { contact: options.helpContact });

  async function halfway(req: Request): Promise<{ visitor: Visitor; decision: Decision }> {
    const visitor = signIns.visitor(req);
    if (visitor?.signIn.state !== 'password') throw new Refused('challenge-expired');
    return { visitor, decision: await decideFor(engine, visitor) };
  }

  function current(visitor: Visitor, decision: Decision): ActiveFactor | null {
    if (decision.outcome !== 'verify') return null;
    const { challenge } = visitor.signIn;
    const chosen =
      challenge?.purpose === 'signIn' && decision.factors.includes(challenge.factor)
        ? challenge.factor
        : decision.factors[0];
    return engine.factors.get(chosen ?? '') ?? null;
  }

  async function showChallenge(
    req: Request,
    res: Response,
    at: { factor: ActiveFactor; visitor: Visitor; decision: Decision & { outcome: 'verify' }; form: FormView },
  ): Promise<void> {
    const { factor, visitor, decision, form } = at;
    const t = translateOf(res);
    const { id } = factor.definition;
    const field = await proofField(engine, { req, res, factor, purpose: 'signIn' });
    res.render('sign-in/challenge', {
      action: '/sign-in/challenge',
      heading: t(`${id}.challenge.heading`),
      lead: t(`${id}.challenge.lead`),
      ...field,
      trustDays:
        factor.definition.traits.role === 'primary' && !decision.retired && field.beginLabel === null
          ? ((await engine.trustedDevices?.daysFor(visitor.person)) ?? 0)
          : 0,
      ...waysOf(decision.factors, id, t),
      help: { href: '/sign-in/help', label: t('challenge.page.lost') },
      cancel: { label: t('challenge.page.signOut') },
      cancelIsSignOut: true,
      form,
    });
  }

  router.get('/sign-in/challenge', async (req, res) => {
    const { visitor, decision } = await halfway(req);
    const factor = current(visitor, decision);
    if (decision.outcome !== 'verify' || !factor) res.redirect(303, '/');
    else await showChallenge(req, res, { factor, visitor, decision, form: emptyForm });
  });

  router.post('/sign-in/challenge', async (req, res) => {
    const { visitor, decision } = await halfway(req);
    const factor = current(visitor, decision);
    if (decision.outcome !== 'verify' || !factor) throw new Refused('challenge-expired');
    const { id } = factor.definition;
    const refused = await takeProof(engine, { req, res, factor, purpose: 'signIn' });
    if (refused === 'begun') {
      res.redirect(303, '/sign-in/challenge');
      return;
    }
    if (refused) {
      // What the refusal changed, tries say, is in the sign-in as it is now.
      await showChallenge(req, res, { factor, visitor, decision, form: refused });
      return;
    }
    // A factor that is switched off counts once more; whether another must be set up is asked anew.
    const next = decision.retired
      ? await afterRetired(req, id)
      : await finish(req, visitor.person, { id, reason: decision.reason });
    if (!next) throw new Refused('challenge-expired');
    if (factor.definition.traits.role === 'recovery') await hintAtSetUp(res, factor, visitor.person.id);
    if (bodyField(req, 'trust') === 'yes' && factor.definition.traits.role === 'primary' && !decision.retired)
      await engine.trustedDevices?.trust(res, visitor.person);
    res.redirect(303, pageAfterSignIn(next, visitor.person));
  });

  /** In, or first to the recovery factor that everybody must have. */
  async function finish(req: Request, person: Person, { id, reason }: { id: string; reason: string }) {
    const mustHave = engine.mandatoryRecovery(await engine.policies.of(person.kind));
    if (mustHave.length === 0 || missingRecovery(await engine.facts(person)).length === 0)
      return signIns.satisfy(req, id, { reason });
    const next = await signIns.refresh(req, id, { factor: id, enrolled: false });
    return next && { ...next, returnTo: lastStepsPage };
  }

  /** Who needed a recovery factor has probably lost a phone: the next page leads to setting up anew, while the proof is fresh. */
  async function hintAtSetUp(res: Response, factor: ActiveFactor, personId: string): Promise<void> {
    const left = await factor.running.summarise(personId);
    options.flash.set(res, {
      kind: 'warning',
      key: 'signIn.notice.recovered',
      params: { left: left ? translateOf(res)(left.key, left.params) : '' },
      link: { href: '/account/security', key: 'signIn.notice.recoveredLink' },
    });
  }

  async function afterRetired(req: Request, id: string) {
    if (!(await signIns.refresh(req, id))) return null;
    const visitor = signIns.visitor(req);
    if (!visitor) return null;
    const decision = await decideFor(engine, visitor);
    if (decision.outcome === 'satisfied') return signIns.satisfy(req, null, { reason: decision.reason });
    return { ...visitor.signIn, returnTo: decision.outcome === 'enrol' ? '/sign-in/enrol' : '/sign-in/blocked' };
  }

  router.get('/sign-in/methods', async (req, res) => {
    const { decision } = await halfway(req);
    if (decision.outcome !== 'verify') {
      res.redirect(303, '/');
      return;
    }
    const t = translateOf(res);
    const methods = decision.factors.map((id) => ({
      action: '/sign-in/methods',
      label: t(`${id}.method`),
      hint: t(`${id}.description`),
      hidden: { factor: id },
    }));
    res.render('sign-in/methods', {
      methods,
      back: { href: '/sign-in/challenge' },
      help: { href: '/sign-in/help', label: t('challenge.page.lost') },
    });
  });

  router.post('/sign-in/methods', async (req, res) => {
    const { decision } = await halfway(req);
    const form = readForm(req, methodForm);
    if (decision.outcome !== 'verify' || !form.ok || !decision.factors.includes(form.fields.factor))
      throw new Refused('challenge-expired');
    // Not moved: the first of two clicks did it.
    await engine.moveTo(req, form.fields.factor, 'signIn');
    res.redirect(303, '/sign-in/challenge');
  });

  router.get('/sign-in/enrol', async (req, res) => {
    const { visitor, decision } = await halfway(req);
    if (decision.outcome !== 'enrol') {
      res.redirect(303, '/');
      return;
    }
    const [only, ...others] = decision.factors;
    if (only !== undefined && others.length === 0) {
      res.redirect(303, `/account/factors/${only}`);
      return;
    }
    const t = translateOf(res);
    const factors = decision.factors.map((id, index) => ({
      id,
      label: t(`${id}.name`),
      summary: t(`${id}.description`),
      recommended: index === 0,
    }));
    res.render('sign-in/choose-factor', { reason: reasonText(t, visitor.person, decision), factors });
  });

  router.post('/sign-in/enrol', async (req, res) => {
    const { decision } = await halfway(req);
    const form = readForm(req, methodForm);
    if (decision.outcome !== 'enrol' || !form.ok || !decision.factors.includes(form.fields.factor))
      throw new Refused('challenge-expired');
    await engine.factors.get(form.fields.factor)?.running.beginSetUp?.(req);
    res.redirect(303, `/account/factors/${form.fields.factor}`);
  });

  router.get('/sign-in/blocked', async (req, res) => {
    const { decision } = await halfway(req);
    if (decision.outcome !== 'blocked') {
      res.redirect(303, '/');
      return;
    }
    const t = translateOf(res);
    res.status(403).render('sign-in/blocked', {
      heading: t(`blocked.${decision.reason}.heading`),
      text: t(`blocked.${decision.reason}.text`),
      whom: whom(res),
    });
  });

  router.get('/sign-in/help', async (req, res) => {
    await halfway(req);
    const t = translateOf(res);
    res.render('sign-in/help', {
      heading: t('challenge.help.heading'),
      text: t('challenge.help.text'),
      whom: whom(res),
      back: '/sign-in/challenge',
    });
  });

  return router;
}
