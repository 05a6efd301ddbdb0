import type { Request, Response } from 'express';
import type { Person } from '../kernel/person.ts';
import type { PasswordProof } from '../kernel/ports.ts';
import { bodyField, refusedForm, refusedStatus, type FormView } from '../platform/http/forms.ts';
import { fieldOf, refusedProof } from './challenge-routes.ts';
import { translateOf, type ActiveFactor, type Engine } from './engine.ts';
import type { Facts } from './policy/decide.ts';

/** What the page in front of turning a factor off asks for, as the policy wants it (C13). */
export function proofFields(factor: ActiveFactor, facts: Facts): object {
  const { disableProof } = facts.policy;
  return {
    ...(disableProof === 'password' ? {} : fieldOf(factor)),
    asksPassword: disableProof !== 'code',
  };
}

/** Checks the proof. Null: it was right; else the form with its refusal. The password comes first: a wrong one uses no code up. */
export async function checkTurnOff(
  engine: Engine,
  passwords: PasswordProof,
  at: { req: Request; res: Response; person: Person; factor: ActiveFactor; facts: Facts },
): Promise<FormView | null> {
  const { req, res, person, factor, facts } = at;
  const { disableProof } = facts.policy;
  if (disableProof !== 'code') {
    const given = bodyField(req, 'password');
    const refusals = await passwords.check(req, res, person, typeof given === 'string' ? given : '');
    if (refusals.length > 0) {
      refusedStatus(res, refusals);
      return refusedForm({ req, keep: [], refusals, t: translateOf(res) });
    }
  }
  if (disableProof === 'password') return null;
  const refusal = await engine.prove(req, res, factor.definition.id, 'disable');
  return refusal && refusedProof(res, refusal);
}

/** How the sign-in is marked after the proof. */
export function turnOffMethod(factor: ActiveFactor, facts: Facts): string {
  return facts.policy.disableProof === 'password' ? 'password' : factor.definition.id;
}
