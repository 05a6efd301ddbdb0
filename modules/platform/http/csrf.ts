import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { Refused } from '../../kernel/errors.ts';
import type { Key } from '../keys.ts';
import type { Cookies } from './cookies.ts';

const visitCookie = 'gatehouse-visit';
const visitForm = /^[A-Za-z0-9_-]{22}$/;
const tokenForm = /^[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}$/;

export interface Csrf {
  /** The token for the page's forms. Anonymous pages get a cookie to bind it to, and nothing in the database. */
  token(req: Request, res: Response): string;
  /** Refuses every unsafe request without a token of this very session (CSRF-1). */
  guard: RequestHandler;
}

/**
 * Stateless tokens: random part and HMAC over it and the session's own secret, so a new session id makes old tokens worthless.
 * `binding` gives that secret of a signed-in request, or null.
 */
export function createCsrf(options: {
  keys: readonly [Key, ...Key[]];
  cookies: Cookies;
  binding: (req: Request) => string | null;
  exempt: (path: string) => boolean;
}): Csrf {
  const sign = (key: Key, bound: string, nonce: string) =>
    createHmac('sha256', key.bytes)
      .update(JSON.stringify(['csrf', bound, nonce]))
      .digest();

  function visit(req: Request): string | null {
    const value = options.cookies.read(req, visitCookie);
    return value !== null && visitForm.test(value) ? value : null;
  }

  function isRight(req: Request): boolean {
    const sent: unknown = (req.body as Record<string, unknown> | undefined)?.['_csrf'];
    const bound = options.binding(req) ?? visit(req);
    if (bound === null || typeof sent !== 'string' || !tokenForm.test(sent)) return false;
    const [nonce = '', signature = ''] = sent.split('.');
    const given = Buffer.from(signature, 'base64url');
    return options.keys.some((key) => timingSafeEqual(sign(key, bound, nonce), given));
  }

  return {
    token(req, res) {
      let bound = options.binding(req) ?? visit(req);
      if (bound === null) {
        bound = randomBytes(16).toString('base64url');
        options.cookies.write(res, visitCookie, bound);
        // A page with two forms asks twice: the second must be bound to the same new cookie.
        req.headers.cookie = [req.headers.cookie, `${options.cookies.name(visitCookie)}=${bound}`]
          .filter(Boolean)
          .join('; ');
      }
      const nonce = randomBytes(16).toString('base64url');
      return `${nonce}.${sign(options.keys[0], bound, nonce).toString('base64url')}`;
    },
    guard: (req, _res, next) => {
      if (['GET', 'HEAD', 'OPTIONS'].includes(req.method) || options.exempt(req.path) || isRight(req)) next();
      else next(new Refused('form-token'));
    },
  };
}
