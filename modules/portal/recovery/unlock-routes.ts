import { Router, type Response } from 'express';
import type { Links } from '../../accounts/links.ts';
import type { Throttle } from '../../kernel/ports.ts';
import type { Cookies } from '../../platform/http/cookies.ts';
import type { Flash } from '../../platform/http/flash.ts';
import type { LetIn } from './let-in.ts';
import { createLinkCookie } from './link-cookie.ts';
import { countedLink, liveLink } from './link-limits.ts';

const page = '/unlock';

/** The page behind the link that is mailed when an account's password tries are used up (RL-7). It stands in for no password. */
export function unlockRoutes(ports: {
  links: Links;
  throttle: Throttle;
  cookies: Cookies;
  flash: Flash;
  letIn: LetIn;
}): Router {
  const router = Router();
  const { links } = ports;
  const cookie = createLinkCookie(ports.cookies, 'gatehouse-unlock');

  const showClosed = (res: Response) => {
    cookie.drop(res);
    res.status(403).render('recovery/unlock-closed', { pageMode: 'narrow' });
  };

  router.get(`${page}/:token`, cookie.accept(page));

  router.get(page, async (req, res) => {
    const found = await liveLink(links, 'unlock', cookie.read(req));
    if (found) res.render('recovery/unlock', { email: found.person.email, pageMode: 'narrow' });
    else showClosed(res);
  });

  // A POST: mail scanners open links, too.
  router.post(page, async (req, res) => {
    const token = cookie.read(req);
    const found = await countedLink(ports, { req, res, purpose: 'unlock', token });
    const person = found && token !== null ? await links.useUnlock(token) : null;
    if (!person) {
      showClosed(res);
      return;
    }
    cookie.drop(res);
    await ports.letIn(req, res, person, 'unlock-link');
    ports.flash.set(res, { kind: 'success', key: 'recovery.unlock.done' });
    res.redirect(303, '/sign-in');
  });

  return router;
}
