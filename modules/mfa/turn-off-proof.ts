import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Person } from '../kernel/person.ts';
import type { PasswordProof } from '../kernel/ports.ts';
import { bodyField, readQuery, refusedForm, refusedStatus, type FormView } from '../platform/http/forms.ts';
import { asksToBegin, proofField, takeProof } from './proof.ts';
import { translateOf, type ActiveFactor, type Engine } from './engine.ts';
import type { Facts } from './policy/decide.ts';

/** The factor that is asked for, and the others that may be asked for instead. */
export interface Proving {
  factor: ActiveFactor;
  others: readonly ActiveFactor[];
}

const provingQuery = z.object({ factor: z.string().max(40).optional() });

/** What the person chose of the factors that prove them, else the first; null: there is none. */
export function provingOf(req: Request, factors: readonly ActiveFactor[]): Proving | null {
  const chosen = bodyField(req, 'factor') ?? readQuery(req, provingQuery).factor;
  const factor = factors.find(({ definition }) => definition.id === chosen) ?? factors[0];
  return factor ? { factor, others: factors.filter((one) => one !== factor) } : null;
}

/** The page's address with the factor that was chosen. */
export function provingPage(path: string, { definition }: ActiveFactor): string {
  return `${path}?factor=${definition.id}`;
}

/** What the page in front of turning a factor off asks for, as the policy wants it (C13). */
export async function proofFields(
  engine: Engine,
  at: { req: Request; res: Response; path: string; proving: Proving; facts: Facts },
): Promise<object> {
  const { disableProof } = at.facts.policy;
  if (disableProof === 'password') return { asksPassword: true };
  const { factor, others } = at.proving;
  const { submitLabel: _own, ...field } = await proofField(engine, { ...at, factor, purpose: 'disable' });
  const t = translateOf(at.res);
  return {
    ...field,
    // Nothing to prove yet while the code is still to be sent.
    asksPassword: disableProof === 'both' && field.beginLabel === null,
    ...(others.length > 0 ? { hidden: { factor: factor.definition.id } } : {}),
    // Links, for nothing is sent by looking at such a page.
    otherWays: others.map((one) => ({ href: provingPage(at.path, one), label: t(`${one.definition.id}.method`) })),
  };
}

/** Checks the proof. Null: it was right; `begun`: its code was sent, show the page anew; else the form with its refusal. The password comes first: a wrong one uses no code up. */
export async function checkTurnOff(
  engine: Engine,
  passwords: PasswordProof,
  at: { req: Request; res: Response; person: Person; factor: ActiveFactor; facts: Facts },
): Promise<FormView | 'begun' | null> {
  const { req, res, person, factor, facts } = at;
  const { disableProof } = facts.policy;
  const proof = { req, res, factor, purpose: 'disable' as const };
  // To send a code takes no password; whatever proves something does.
  if (disableProof !== 'password' && asksToBegin(engine, proof)) return takeProof(engine, proof);
  if (disableProof !== 'code') {
    const given = bodyField(req, 'password');
    const refusals = await passwords.check(req, res, person, typeof given === 'string' ? given : '');
    if (refusals.length > 0) {
      refusedStatus(res, refusals);
      return refusedForm({ req, keep: [], refusals, t: translateOf(res) });
    }
  }
  if (disableProof === 'password') return null;
  return takeProof(engine, proof);
}

/** How the sign-in is marked after the proof. */
export function turnOffMethod(factor: ActiveFactor, facts: Facts): string {
  return facts.policy.disableProof === 'password' ? 'password' : factor.definition.id;
}
