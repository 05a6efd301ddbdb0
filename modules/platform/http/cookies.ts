import { parseCookie } from 'cookie';
import type { CookieOptions, Request, Response } from 'express';

/** Names and flags of our cookies: `__Host-` under TLS, HttpOnly, SameSite=Lax, host only (SES-6). */
export interface Cookies {
  readonly secure: boolean;
  name(base: string): string;
  readonly options: Readonly<CookieOptions>;
  read(req: Request, base: string): string | null;
  /** For this browser session; with `days`, for so long. */
  write(res: Response, base: string, value: string, days?: number): void;
  expire(res: Response, base: string): void;
}

/** Cookies as this portal sets them; `secure` when people reach it over https. */
export function createCookies(secure: boolean): Cookies {
  const options: CookieOptions = { httpOnly: true, sameSite: 'lax', path: '/', secure };
  const name = (base: string) => (secure ? `__Host-${base}` : base);
  return {
    secure,
    name,
    options,
    read(req, base) {
      const header = req.headers.cookie;
      if (!header || header.length > 8192) return null;
      return parseCookie(header)[name(base)] ?? null;
    },
    write: (res, base, value, days) => {
      const lasting = days === undefined ? {} : { maxAge: days * 86_400_000 };
      res.cookie(name(base), value, { ...options, ...lasting, encode: String });
    },
    expire: (res, base) => void res.clearCookie(name(base), options),
  };
}
