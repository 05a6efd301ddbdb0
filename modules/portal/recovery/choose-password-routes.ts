import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Links } from '../../accounts/links.ts';
import type { PasswordHasher } from '../../accounts/passwords/password-hasher.ts';
import type { Accounts } from '../../accounts/people.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import type { Throttle } from '../../kernel/ports.ts';
import { translateOf } from '../../mfa/engine.ts';
import type { Cookies } from '../../platform/http/cookies.ts';
import {
  emptyForm,
  readForm,
  refusedForm,
  refusedStatus,
  secretField,
  type FormView,
} from '../../platform/http/forms.ts';
import { refuseNewPassword, storedPassword } from '../new-password.ts';
import { createLinkCookie } from './link-cookie.ts';
import { countedLink, countNewPassword, liveLink } from './link-limits.ts';

export interface ChoosePasswordPorts {
  accounts: Accounts;
  links: Links;
  hasher: PasswordHasher;
  throttle: Throttle;
  cookies: Cookies;
  siteName: string;
  minimumPasswordLength(person: Person): Promise<number>;
}

/** What is different between a first password and a new one. */
export interface PasswordLink {
  purpose: 'invitation' | 'passwordReset';
  page: '/invitation' | '/reset-password';
  cookie: string;
  view: string;
  /** Answers whoever comes with a link that is no good: one page, whatever the reason. */
  showClosed(res: Response): void;
  /** The password is set; the person still has to sign in, with every factor that is asked of them (REC-2). */
  done(req: Request, res: Response, person: Person): Promise<void>;
}

const form = z.object({ newPassword: secretField });

/** The page behind a mailed link where somebody chooses a password. A refused password does not use the link up. */
export function choosePasswordRoutes(ports: ChoosePasswordPorts, link: PasswordLink): Router {
  const router = Router();
  const { links, throttle } = ports;
  const { purpose, page } = link;
  const cookie = createLinkCookie(ports.cookies, link.cookie);

  router.get(`${page}/:token`, cookie.accept(page));

  router.get(page, async (req, res) => {
    const found = await liveLink(links, purpose, cookie.read(req));
    if (found) await show(res, found.person, emptyForm);
    else link.showClosed(res);
  });

  router.post(page, async (req, res) => {
    const token = cookie.read(req);
    const found = await countedLink(ports, { req, res, purpose, token });
    if (!found || token === null) {
      link.showClosed(res);
      return;
    }
    const read = readForm(req, form);
    const refusals = read.ok ? await check(res, found.person, read.fields.newPassword) : read.refusals;
    if (!read.ok || refusals.length > 0) {
      refusedStatus(res, refusals);
      await show(res, found.person, refusedForm({ req, keep: [], refusals, t: translateOf(res) }));
      return;
    }
    const next = await storedPassword(ports.hasher, read.fields.newPassword);
    const person = await links.setPassword(purpose, token, next);
    if (!person) {
      link.showClosed(res);
      return;
    }
    cookie.drop(res);
    await link.done(req, res, person);
    res.redirect(303, '/sign-in');
  });

  async function check(res: Response, person: Person, password: string): Promise<Refused[]> {
    await countNewPassword(throttle, res, person.id);
    const [minLength, seen] = await Promise.all([
      ports.minimumPasswordLength(person),
      ports.accounts.passwordOf(person.id),
    ]);
    const refused = await refuseNewPassword(ports, { password, person, minLength, seen });
    return refused ? [refused] : [];
  }

  async function show(res: Response, person: Person, view: FormView): Promise<void> {
    const minLength = await ports.minimumPasswordLength(person);
    const { name, email, companyName } = person;
    res.render(link.view, { form: view, minLength, person: { name, email, companyName }, pageMode: 'narrow' });
  }

  return router;
}
