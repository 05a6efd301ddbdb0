import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { Refused } from '../kernel/errors.ts';
import type { PasswordProof } from '../kernel/ports.ts';
import { signedIn, type Visitor } from '../kernel/sign-in.ts';
import {
  bodyField,
  emptyForm,
  readForm,
  readQuery,
  refusedForm,
  refusedStatus,
  returnQuery,
  secretField,
  type FormView,
} from '../platform/http/forms.ts';
import { safeReturnTo } from '../platform/http/return-to.ts';
import { translateOf, type ActiveFactor, type Engine } from './engine.ts';
import { proofField, takeProof, type ProofField } from './proof.ts';
import { isStranded, provingOf, recoveryOf, viewOf, type Facts } from './policy/decide.ts';

const confirmQuery = returnQuery.extend({ factor: z.string().max(40).optional() });

/** The proof that comes before a change: by a factor where the person has one, else by the password. */
export function confirmRoutes({ engine, passwords }: { engine: Engine; passwords: PasswordProof }): Router {
  const router = Router();
  const { signIns } = engine.ports;

  router.get('/account/confirm', async (req, res) => {
    const query = readQuery(req, confirmQuery);
    const ways = await waysToConfirm(req, query.factor);
    await showConfirm(req, res, { ...ways, returnTo: safeReturnTo(query.returnTo), form: emptyForm });
  });

  router.post('/account/confirm', async (req, res) => {
    const chosen = bodyField(req, 'factor');
    const { factor, others } = await waysToConfirm(req, typeof chosen === 'string' ? chosen : undefined);
    const returnTo = safeReturnTo(bodyField(req, 'returnTo'));
    const form = factor
      ? await takeProof(engine, { req, res, factor, purpose: 'stepUp' })
      : await confirmByPassword(req, res, signedIn(signIns, req));
    if (form === 'begun') {
      res.redirect(303, confirmHref({ returnTo, ...(factor ? { factor: factor.definition.id } : {}) }));
      return;
    }
    if (form) {
      await showConfirm(req, res, { factor, others, returnTo, form });
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
    if (!chosen) throw new Refused('challenge-expired');
    await engine.moveTo(req, chosen.definition.id, 'stepUp');
    res.redirect(303, confirmHref({ returnTo, factor: chosen.definition.id }));
  });

  /** All factors that can confirm the visitor now, and the one to ask: the chosen, else the recovery factor that was given last, else the first. */
  async function waysToConfirm(req: Request, chosen?: string) {
    const { person, signIn } = signedIn(signIns, req);
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

  async function confirmByPassword(req: Request, res: Response, visitor: Visitor): Promise<FormView | null> {
    const form = readForm(req, z.object({ password: secretField }));
    const refusals = form.ok ? await passwords.check(req, res, visitor.person, form.fields.password) : form.refusals;
    if (refusals.length === 0) return null;
    refusedStatus(res, refusals);
    return refusedForm({ req, keep: [], refusals, t: translateOf(res) });
  }

  async function showConfirm(
    req: Request,
    res: Response,
    page: { factor: ActiveFactor | null; others: boolean; returnTo: string | null; form: FormView },
  ): Promise<void> {
    const t = translateOf(res);
    const field: Partial<ProofField> = page.factor
      ? await proofField(engine, { req, res, factor: page.factor, purpose: 'stepUp' })
      : { fieldView: 'account/password-proof' };
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

  return router;
}

/** The factors that confirm a person before a change, as at sign-in: primary ones first, then recovery. Empty: the password is all they have. */
function confirmingFactors(engine: Engine, facts: Facts): ActiveFactor[] {
  const view = viewOf(facts);
  const primary = provingOf(view);
  const ids = primary.length > 0 ? [...primary, ...recoveryOf(view)] : [];
  return [...new Set(ids)].flatMap((id) => engine.factors.get(id) ?? []);
}

function confirmHref(to: { returnTo: string | null; factor?: string }): string {
  const query = new URLSearchParams({
    ...(to.factor === undefined ? {} : { factor: to.factor }),
    ...(to.returnTo === null ? {} : { returnTo: to.returnTo }),
  });
  return query.size > 0 ? `/account/confirm?${query.toString()}` : '/account/confirm';
}
