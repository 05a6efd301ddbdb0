import express, { type RequestHandler } from 'express';
import { Refused } from '../../kernel/errors.ts';

const known = new Set(['GET', 'HEAD', 'POST']);

/** Answers only the methods that the portal has; anything else is 405 with no body. */
export const methodGuard: RequestHandler = (req, res, next) => {
  if (known.has(req.method)) next();
  else res.set({ Allow: 'GET, HEAD, POST', 'Cache-Control': 'no-store' }).status(405).end();
};

/**
 * Under an https address every request came by TLS, whatever header the proxy sets: else session cookies would be dropped
 * in silence where it sets none, and nobody could sign in.
 */
export function behindTls(secure: boolean): RequestHandler {
  return (req, _res, next) => {
    if (secure) Object.defineProperty(req, 'secure', { value: true, configurable: true });
    next();
  };
}

/** Over-long addresses and NUL bytes never reach a handler (INJ-7). */
export const addressGuard: RequestHandler = (req, _res, next) => {
  if (req.originalUrl.length > 4096 || /%00|\0/.test(req.originalUrl)) next(new Refused('bad-request'));
  else next();
};

/**
 * Unsafe requests from other sites end here, token or not (ASVS 3.5.3, 3.5.8). Sec-Fetch-Site decides where it is present,
 * Origin where it is absent; where both are absent the token alone decides.
 */
export function originGuard(baseUrl: () => string): RequestHandler {
  return (req, _res, next) => {
    if (req.method !== 'POST') {
      next();
      return;
    }
    const site = req.get('sec-fetch-site');
    const origin = req.get('origin');
    const fine =
      site !== undefined
        ? site === 'same-origin' || site === 'none'
        : origin === undefined || origin === new URL(baseUrl()).origin;
    next(fine ? undefined : new Refused('cross-site'));
  };
}

const parseForm = express.urlencoded({
  extended: false,
  limit: '16kb',
  parameterLimit: 50,
  inflate: false,
  type: 'application/x-www-form-urlencoded',
});

/** Reads form bodies and nothing else: JSON, text and multipart are 415; 16 kB and 50 fields at most; NUL bytes are refused. */
export const formBody: RequestHandler = (req, res, next) => {
  if (req.method !== 'POST') {
    next();
    return;
  }
  const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
  if (hasBody && !req.is('application/x-www-form-urlencoded')) {
    next(new Refused('media-type'));
    return;
  }
  parseForm(req, res, (error: unknown) => {
    const body: Record<string, unknown> = (req.body as Record<string, unknown> | undefined) ?? {};
    req.body = body;
    if (error === undefined && Object.entries(body).some(([name, value]) => name.includes('\0') || hasNul(value)))
      next(new Refused('bad-request'));
    else next(error);
  });
};

function hasNul(value: unknown): boolean {
  return Array.isArray(value) ? value.some(hasNul) : typeof value === 'string' && value.includes('\0');
}
