import { join } from 'node:path';
import type { Request, Response } from 'express';
import type { ChallengePurpose } from '../kernel/sign-in.ts';
import { bodyField, type FormView } from '../platform/http/forms.ts';
import { tooManyTries, translateOf, type ActiveFactor, type Engine, type ProofRefusal } from './engine.ts';

/** What a page of any purpose needs to show a factor's question. */
export interface ProofField {
  fieldView: string;
  fieldLocals: object;
  /** Null where the factor must send something first: the page's button then does that. */
  submitLabel: string | null;
  beginLabel: string | null;
  /** A second button: to begin again. */
  again: { label: string; hint?: string } | null;
}

/** A factor's question, or the button that makes it send what the question is about. */
export async function proofField(
  engine: Engine,
  at: { req: Request; res: Response; factor: ActiveFactor; purpose: ChallengePurpose },
): Promise<ProofField> {
  const { req, res, factor, purpose } = at;
  const { id } = factor.definition;
  const t = translateOf(res);
  if (engine.mustBegin(req, factor, purpose))
    return {
      fieldView: 'sign-in/begin-proof',
      fieldLocals: { lead: t(`${id}.challenge.beginLead`) },
      submitLabel: null,
      beginLabel: t(`${id}.challenge.begin`),
      again: null,
    };
  const described = await factor.running.describe?.(req);
  return {
    fieldView: join(factor.folder, 'views', factor.running.field),
    fieldLocals: described?.locals ?? {},
    submitLabel: t(`${id}.challenge.submit`),
    beginLabel: null,
    again: described?.again ?? null,
  };
}

/** A refused proof as a form: the code itself is never shown again. */
export function refusedProof(res: Response, refusal: ProofRefusal): FormView {
  if (refusal.retryAfterSeconds !== undefined) res.set('Retry-After', String(refusal.retryAfterSeconds));
  res.status(refusal.status);
  return {
    values: {},
    errors: [{ field: refusal.status === 422 ? 'code' : '', text: translateOf(res)(refusal.key, refusal.params) }],
  };
}

/** True where the form asks the factor to send, or send again, what its question is about; never for one that sends nothing. */
export function asksToBegin(
  engine: Engine,
  { req, factor, purpose }: { req: Request; factor: ActiveFactor; purpose: ChallengePurpose },
): boolean {
  return (
    factor.running.begin !== undefined && (bodyField(req, 'begin') === 'yes' || engine.mustBegin(req, factor, purpose))
  );
}

/**
 * The answer to a page that asked for a proof. `begun`: the factor was asked to send, or send again, what the question is about; the page
 * is then shown anew, after a redirect. Null: the proof was right and is used up.
 */
export async function takeProof(
  engine: Engine,
  at: { req: Request; res: Response; factor: ActiveFactor; purpose: ChallengePurpose },
): Promise<FormView | 'begun' | null> {
  const { req, res, factor, purpose } = at;
  const { id } = factor.definition;
  if (asksToBegin(engine, at)) {
    // The second of two clicks finds that the first has moved it: the page tells what became of that.
    const usedUpUntil = await engine.moveTo(req, id, purpose);
    return usedUpUntil ? refusedProof(res, tooManyTries(usedUpUntil, res)) : 'begun';
  }
  const refusal = await engine.prove(req, res, id, purpose);
  return refusal && refusedProof(res, refusal);
}
