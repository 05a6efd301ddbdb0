import { Router, type Request, type Response } from 'express';
import { Refused } from '../kernel/errors.ts';
import type { Person } from '../kernel/person.ts';
import type { Gate, Translate } from '../kernel/ports.ts';
import { firstPages, type Visitor } from '../kernel/sign-in.ts';
import type { SignInService } from '../sign-in/sign-ins.ts';
import { translateOf, type Engine } from '../mfa/engine.ts';
import { securityCard, type SecurityCard } from '../mfa/security-card.ts';
import type { Cookies } from '../platform/http/cookies.ts';
import { staffTabs } from './staff/tabs.ts';

/** What each tab of staff's pages is for. */
const areaTexts: Readonly<Record<string, string>> = {
  '/staff/customers': 'staff.home.customers',
  '/staff/users': 'staff.home.users',
  '/staff/audit': 'staff.home.audit',
  '/staff/mail': 'staff.home.mail',
  '/staff/settings': 'staff.home.settings',
};

/** Names the person who said "not now": another one at the same browser is told all the same. */
const notNow = 'gatehouse-not-now';
const notNowDays = 30;

/** The first pages: the address without a path, the customers' home and the staff's. */
export function homeRoutes(ports: { signIns: SignInService; gate: Gate; engine: Engine; cookies: Cookies }): Router {
  const router = Router();
  const { signIns, gate, engine, cookies } = ports;

  function visitorOf(req: Request, kind: 'contact' | 'staff'): Visitor {
    const visitor = signIns.visitor(req);
    if (!visitor) throw new Refused('sign-in-expired');
    // Not there for the other audience, rather than forbidden: nothing tells what staff's pages are called.
    if (visitor.person.kind !== kind) throw new Refused('not-found');
    return visitor;
  }

  router.get('/', async (req, res) => {
    const visitor = signIns.visitor(req);
    const step = visitor ? await gate.nextStep(req, visitor) : '/sign-in';
    res.redirect(303, step ?? firstPages[visitor?.person.kind ?? 'contact']);
  });

  router.get('/home', async (req, res) => {
    // Somebody who was going to one audience's first page and signed in as the other belongs on their own.
    if (signIns.visitor(req)?.person.kind === 'staff') {
      res.redirect(303, '/staff');
      return;
    }
    const { person } = visitorOf(req, 'contact');
    const t = translateOf(res);
    const [card, lastSignIn] = await Promise.all([securityCard(engine, person, t), signIns.previous(req)]);
    res.render('account/home', {
      lastSignIn,
      security: card,
      unconfirmed: unconfirmedNote(person, t),
      recommendation: recommendationOf(card, cookies.read(req, notNow) === person.id, res),
    });
  });

  // Kept in the browser: it is a wish about this page, and nothing that the account depends on.
  router.post('/home/not-now', (req, res) => {
    cookies.write(res, notNow, visitorOf(req, 'contact').person.id, notNowDays);
    res.redirect(303, '/home');
  });

  router.get('/staff', async (req, res) => {
    const { person } = visitorOf(req, 'staff');
    const t = translateOf(res);
    const [security, lastSignIn] = await Promise.all([securityCard(engine, person, t), signIns.previous(req)]);
    res.render('staff/home', {
      profile: person.profileName ?? t('staff.home.noProfile'),
      permissions: person.permissions.map((permission) => t(`staff.permission.${permission}`)),
      lastSignIn,
      security,
      unconfirmed: unconfirmedNote(person, t),
      areas: staffTabs(person, req.path, t, engine.staffTabs()).map(({ href, label }) => ({
        heading: label,
        // A factor's own page says under the tab's key what it is for.
        text: t(areaTexts[href] ?? engine.staffTabs().find((tab) => tab.href === href)?.textKey ?? href),
        link: { href, label: t('staff.home.open', { area: label }) },
      })),
    });
  });

  return router;
}

/** What the first page says of a second step that is not set up: a countdown stays, a mere recommendation can be put away (P13). */
function recommendationOf(card: SecurityCard, putAway: boolean, res: Response): object | null {
  const t = translateOf(res);
  const way = { href: '/account/mfa/enable', label: t('account.home.recommendationAction') };
  if (card.daysLeft !== null) {
    const days = t(card.daysLeft === 1 ? 'account.home.graceOne' : 'account.home.graceMany', { days: card.daysLeft });
    return { ...way, heading: t('account.home.grace'), text: days };
  }
  if (card.state !== 'recommended' || putAway) return null;
  return {
    ...way,
    heading: t('account.home.recommendation'),
    text: t('account.home.recommendationText'),
    dismissAction: '/home/not-now',
  };
}

/** Mails tell people what happens to their account: whether any reaches them ought to be known. */
function unconfirmedNote({ emailConfirmed, email }: Person, t: Translate): object | null {
  if (emailConfirmed) return null;
  return {
    text: t('account.home.unconfirmedText', { email }),
    link: { href: '/account/email', label: t('account.home.unconfirmedAction') },
  };
}
