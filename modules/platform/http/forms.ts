import type { Request, Response } from 'express';
import { z } from 'zod';
import { Refused, type RefusalCode } from '../../kernel/errors.ts';
import type { Translate } from '../../kernel/ports.ts';

const longestSecret = 4096;

export interface FormView {
  values: Record<string, string>;
  errors: { field: string; text: string }[];
}

/** A form as a page shows it for the first time. */
export const emptyForm: FormView = { values: {}, errors: [] };

// Control signs, and those that turn the reading direction: with them one name passes for another in a list.
const unreadable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** One line of text as people type it: NFC, trimmed, no control characters, 1 to `max` characters. */
export function line(max: number) {
  return z
    .string()
    .transform((text) => text.normalize('NFC').trim())
    .superRefine((text, context) => {
      if (text === '') context.addIssue({ code: 'custom', message: 'field-required' });
      else if ([...text].length > max) context.addIssue({ code: 'custom', message: 'field-too-long', params: { max } });
      else if (unreadable.test(text)) context.addIssue({ code: 'custom', message: 'field-characters' });
    });
}

/** A secret as typed: not trimmed, not changed (ASVS 6.2.8). What is too long to be one is not hashed. */
export const secretField = z.string().superRefine((text, context) => {
  if (text === '') context.addIssue({ code: 'custom', message: 'field-required' });
  else if (text.length > longestSecret)
    context.addIssue({ code: 'custom', message: 'field-too-long', params: { max: longestSecret } });
});

export type FormResult<T> = { ok: true; fields: T } | { ok: false; refusals: Refused[] };

/**
 * Checks a body against a schema. A field given twice or of another shape is a forged form (400, thrown);
 * a wrong value is a refusal for its field. Fields that the schema does not name are dropped (mass assignment, INJ-4).
 */
export function readForm<T extends z.ZodObject>(req: Request, schema: T): FormResult<z.infer<T>> {
  const body = (req.body ?? {}) as Record<string, unknown>;
  const named = Object.fromEntries(
    Object.keys(schema.shape).map((key) => [key, Object.hasOwn(body, key) ? body[key] : '']),
  );
  if (Object.values(named).some((value) => typeof value !== 'string')) throw new Refused('bad-request');
  const parsed = schema.safeParse(named);
  if (parsed.success) return { ok: true, fields: parsed.data };
  const refusals = parsed.error.issues.map((issue) => {
    const { params } = issue as { params?: { max?: number } };
    return new Refused(asCode(issue.message), {
      field: String(issue.path[0] ?? ''),
      ...(params?.max === undefined ? {} : { params: { max: params.max } }),
    });
  });
  return {
    ok: false,
    refusals: refusals.filter(
      (refusal, index) => refusals.findIndex((other) => other.field === refusal.field) === index,
    ),
  };
}

const fieldCodes = new Set<RefusalCode>([
  'field-required',
  'field-email',
  'field-too-long',
  'field-taken',
  'field-characters',
  'field-choice',
  'code-wrong',
]);

function asCode(message: string): RefusalCode {
  return fieldCodes.has(message as RefusalCode) ? (message as RefusalCode) : 'field-required';
}

/** One field of a body as it came, for what is checked by other means than a schema. */
export function bodyField(req: Request, name: string): unknown {
  const body = (req.body ?? {}) as Record<string, unknown>;
  return Object.hasOwn(body, name) ? body[name] : undefined;
}

/** The query of a page. Keys that the schema does not name are left aside; one given twice is a forged link (400). */
export function readQuery<T extends z.ZodObject>(req: Request, schema: T): z.infer<T> {
  const parsed = schema.safeParse({ ...req.query });
  if (!parsed.success) throw new Refused('bad-request');
  return parsed.data;
}

/** The query of pages that lead on to another: its value still goes through `safeReturnTo`. */
export const returnQuery = z.object({ returnTo: z.string().optional() });

/** What a page shows again after a refusal: the typed values (never the named secret ones) and each field's sentence. */
export function refusedForm(options: {
  req: Request;
  keep: readonly string[];
  refusals: readonly Refused[];
  t: Translate;
}): FormView {
  const body = (options.req.body ?? {}) as Record<string, unknown>;
  const values: Record<string, string> = {};
  for (const name of options.keep) {
    const value = Object.hasOwn(body, name) ? body[name] : '';
    if (typeof value === 'string') values[name] = value.slice(0, 1000);
  }
  return {
    values,
    errors: options.refusals.map((refusal) => ({
      field: refusal.field ?? '',
      text: options.t(refusal.key, refusal.params),
    })),
  };
}

/** Sets status and Retry-After as the refusals ask; the first one decides. */
export function refusedStatus(res: Response, refusals: readonly Refused[]): Response {
  const [first] = refusals;
  if (first?.retryAfterSeconds !== undefined) res.set('Retry-After', String(first.retryAfterSeconds));
  return res.status(first?.status ?? 422);
}
