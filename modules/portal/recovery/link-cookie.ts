import type { Request, RequestHandler, Response } from 'express';
import { tokenForm } from '../../accounts/links.ts';
import type { Cookies } from '../../platform/http/cookies.ts';

/** Where a link's token is after the first hit: in a cookie of this browser, no longer in the address, which histories and logs keep (REC-5). */
export interface LinkCookie {
  /** Answers the address that was mailed: its token goes into the cookie, and the browser to the page. */
  accept(page: string): RequestHandler<{ token: string }>;
  read(req: Request): string | null;
  drop(res: Response): void;
}

const hourInDays = 1 / 24;

/** One cookie for each purpose, so that two links opened side by side do not meet. */
export function createLinkCookie(cookies: Cookies, name: string): LinkCookie {
  return {
    accept: (page) => (req, res) => {
      const { token } = req.params;
      // A link that was cut or garbled on its way ends on the same page as one that is over.
      if (tokenForm.test(token)) cookies.write(res, name, token, hourInDays);
      else cookies.expire(res, name);
      res.redirect(303, page);
    },
    read: (req) => cookies.read(req, name),
    drop: (res) => {
      cookies.expire(res, name);
    },
  };
}
