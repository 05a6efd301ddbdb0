import { randomBytes } from 'node:crypto';
import type { ErrorRequestHandler, Response } from 'express';
import { Refused, type RefusalCode } from '../../kernel/errors.ts';
import type { Translate } from '../../kernel/ports.ts';
import { isDatabaseAway } from '../mongo-errors.ts';
import { plainPath, type Log } from '../log.ts';

/** Answers what was thrown: a refusal with its sentence, a database that is away with 503, and a bug with a reference that is also in the log. */
export function errorPages(log: Log): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    if (res.headersSent) {
      next(error);
      return;
    }
    const refused = asRefused(error);
    const reference = refused ? null : randomBytes(5).toString('hex');
    const status = refused?.status ?? 500;
    if (!refused)
      log.error({ err: error, reference, method: req.method, path: plainPath(req.path) }, 'unexpected error');
    else if (status === 503) log.warn({ err: error, path: plainPath(req.path) }, 'not available');
    if (refused?.retryAfterSeconds !== undefined) res.set('Retry-After', String(refused.retryAfterSeconds));
    renderError(res, { status, refused, reference });
  };
}

function renderError(res: Response, page: { status: number; refused: Refused | null; reference: string | null }): void {
  const t = res.locals['t'] as Translate | undefined;
  res.status(page.status).set('Cache-Control', 'no-store');
  // Thrown before the page frame was ready (or by the frame itself): plain words are better than a second error.
  if (!t) {
    res.type('text/plain').send(`${String(page.status)}\n`);
    return;
  }
  const locals = {
    status: page.status,
    heading: t(headingKey(page)),
    text: t(page.refused?.key ?? 'error.500.text', page.refused?.params),
    reference: page.reference,
    retryAfter: page.refused?.retryAfterSeconds ?? null,
  };
  res.render('errors/error', locals, (failure: Error | null, html: string) => {
    if (failure) res.type('text/plain').send(`${String(page.status)} ${locals.heading}\n`);
    else res.send(html);
  });
}

const ownHeadings: Partial<Record<RefusalCode, string>> = {
  'form-token': 'error.formToken.heading',
  unavailable: 'error.unavailable.heading',
};

function headingKey(page: { status: number; refused: Refused | null }): string {
  return (page.refused && ownHeadings[page.refused.code]) ?? `error.${String(page.status)}.heading`;
}

const parserErrors: Readonly<Record<string, ConstructorParameters<typeof Refused>[0]>> = {
  'entity.too.large': 'too-large',
  'parameters.too.many': 'too-large',
  'request.size.invalid': 'bad-request',
  'request.aborted': 'bad-request',
  'charset.unsupported': 'media-type',
  'encoding.unsupported': 'media-type',
};

function asRefused(error: unknown): Refused | null {
  if (error instanceof Refused) return error;
  if (isDatabaseAway(error)) return new Refused('unavailable', { cause: error, retryAfterSeconds: 5 });
  const { type, status } = (error ?? {}) as { type?: unknown; status?: unknown };
  const known = typeof type === 'string' ? parserErrors[type] : undefined;
  if (known) return new Refused(known);
  // Express and its parsers mark malformed requests (a bad %-escape, say) with a 4xx status.
  if (status === 404) return new Refused('not-found');
  if (typeof status === 'number' && status >= 400 && status < 500) return new Refused('bad-request');
  return null;
}
