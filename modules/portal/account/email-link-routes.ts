import { Router, type Request, type Response } from 'express';
import type { EmailChanged, FoundLink, Links } from '../../accounts/links.ts';
import { isRefused, Refused } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import type { Audit, Throttle } from '../../kernel/ports.ts';
import { translateOf } from '../../mfa/engine.ts';
import type { Cookies } from '../../platform/http/cookies.ts';
import type { Flash } from '../../platform/http/flash.ts';
import type { SignInService } from '../../sign-in/sign-ins.ts';
import type { Mails } from '../mails.ts';
import { createLinkCookie, type LinkCookie } from '../recovery/link-cookie.ts';
import { countedLink, liveLink } from '../recovery/link-limits.ts';
import { mailEmailChanged, mailEmailRestored } from './email-mails.ts';

export interface EmailLinkPorts {
  links: Links;
  signIns: SignInService;
  throttle: Throttle;
  audit: Audit;
  mails: Mails;
  cookies: Cookies;
  flash: Flash;
}

/** One of the two links about addresses. */
interface EmailLink {
  purpose: 'emailChange' | 'emailUndo';
  page: '/email/confirm' | '/email/undo';
  cookie: LinkCookie;
  view: string;
  /** Uses the link up. Gives the page to go on with; null: somebody was first. */
  use(at: { req: Request; res: Response; found: FoundLink; token: string }): Promise<string | null>;
}

/** What links about e-mail addresses lead to. A page first, then a POST: programs that look through mails open links (CSRF-4). */
export function emailLinkRoutes(ports: EmailLinkPorts): Router {
  const router = Router();
  const { links, signIns, audit, mails, flash } = ports;

  addPages(router, ports, {
    purpose: 'emailChange',
    page: '/email/confirm',
    cookie: createLinkCookie(ports.cookies, 'gatehouse-email'),
    view: 'email/confirm',
    async use({ req, res, token }) {
      const changed = await links.confirmEmail(token);
      if (!changed) return null;
      const { person, oldEmail } = changed;
      if (person.email === oldEmail) {
        await record('person.email-confirmed', person);
        flash.set(res, { kind: 'success', key: 'email.confirm.same', params: { email: person.email } });
      } else await finish(req, res, changed);
      return isHere(req, person) ? '/account/security' : '/sign-in';
    },
  });

  addPages(router, ports, {
    purpose: 'emailUndo',
    page: '/email/undo',
    cookie: createLinkCookie(ports.cookies, 'gatehouse-email-undo'),
    view: 'email/undo',
    async use({ res, found, token }) {
      const person = await links.undoEmail(token);
      if (!person) return null;
      await mailEmailRestored(mails, { person, lostEmail: found.person.email });
      await record('person.email-restored', person);
      flash.set(res, {
        kind: 'warning',
        key: 'email.undo.done',
        params: { email: person.email },
        link: { href: '/forgot-password', key: 'email.undo.newPassword' },
      });
      return '/sign-in';
    },
  });

  /** The way back is mailed before anything else: it is kept nowhere but here. */
  async function finish(req: Request, res: Response, changed: EmailChanged): Promise<void> {
    const { person } = changed;
    await mailEmailChanged(mails, { changed, by: 'self' });
    await record('person.email-changed', person);
    if (isHere(req, person)) await signIns.adopt(req, person.sessionEpoch);
    flash.set(res, { kind: 'success', key: 'email.confirm.done', params: { email: person.email } });
  }

  const isHere = (req: Request, person: Person) => signedInHere(signIns, req)?.id === person.id;

  async function record(event: string, { id }: Person): Promise<void> {
    const who = { kind: 'person' as const, id };
    await audit.record({ event, outcome: 'success', actor: who, target: who });
  }

  return router;
}

function signedInHere(signIns: SignInService, req: Request): Person | null {
  const visitor = signIns.visitor(req);
  return visitor?.signIn.state === 'satisfied' ? visitor.person : null;
}

function addPages(router: Router, ports: EmailLinkPorts, link: EmailLink): void {
  const { links, signIns } = ports;
  const { purpose, page, cookie } = link;

  router.get(`${page}/:token`, cookie.accept(page));

  router.get(page, async (req, res) => {
    const found = await liveLink(links, purpose, cookie.read(req));
    if (!found) showClosed(res);
    else if (isSomebodyElse(req, found)) showOther(res, found);
    else show(res, found);
  });

  router.post(page, async (req, res) => {
    const token = cookie.read(req);
    const found = await countedLink(ports, { req, res, purpose, token });
    if (!found || token === null) {
      showClosed(res);
      return;
    }
    if (isSomebodyElse(req, found)) {
      showOther(res, found);
      return;
    }
    try {
      const next = await link.use({ req, res, found, token });
      if (next === null) {
        showClosed(res);
        return;
      }
      cookie.drop(res);
      res.redirect(303, next);
    } catch (error) {
      // Somebody took the address meanwhile. Whoever opened the link reads that mailbox: they may know.
      if (!isRefused(error, 'field-taken')) throw error;
      show(res.status(error.status), found, error);
    }
  });

  /** In a browser where another person is signed in, one would change an account and believe that it was the other. */
  function isSomebodyElse(req: Request, { person }: FoundLink): boolean {
    const here = signedInHere(signIns, req);
    return here !== null && here.id !== person.id;
  }

  function show(res: Response, { person, email }: FoundLink, refused?: Refused): void {
    const errors = refused ? [{ field: '', text: translateOf(res)(refused.key) }] : [];
    res.render(link.view, {
      action: page,
      name: person.name,
      email,
      isCurrent: email === person.email,
      form: { values: {}, errors },
      pageMode: 'narrow',
    });
  }

  function showOther(res: Response, { person }: FoundLink): void {
    res.status(403).render('email/other', { name: person.name, pageMode: 'narrow' });
  }

  /** Used, over, replaced, cut off or made up: one page. */
  function showClosed(res: Response): void {
    cookie.drop(res);
    res.status(403).render('email/closed', { pageMode: 'narrow' });
  }
}
