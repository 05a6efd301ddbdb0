import { Router, type Request } from 'express';
import { Refused } from '../kernel/errors.ts';
import type { Person } from '../kernel/person.ts';
import type { Gate, Translate } from '../kernel/ports.ts';
import type { Visitor } from '../kernel/sign-in.ts';
import type { SignInService } from '../sign-in/sign-ins.ts';
import { translateOf, type Engine } from '../mfa/engine.ts';
import { securityCard } from '../mfa/security-card.ts';
import { staffTabs } from './staff/tabs.ts';

/** What each tab of staff's pages is for. */
const areaTexts: Readonly<Record<string, string>> = {
  '/staff/customers': 'staff.home.customers',
  '/staff/users': 'staff.home.users',
  '/staff/audit': 'staff.home.audit',
  '/staff/mail': 'staff.home.mail',
  '/staff/settings': 'staff.home.settings',
};

/** The first pages: the address without a path, the customers' home and the staff's. */
export function homeRoutes(ports: { signIns: SignInService; gate: Gate; engine: Engine }): Router {
  const router = Router();
  const { signIns, gate, engine } = ports;

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
    res.redirect(303, step ?? (visitor?.person.kind === 'staff' ? '/staff' : '/home'));
  });

  router.get('/home', async (req, res) => {
    // Somebody who was going to one audience's first page and signed in as the other belongs on their own.
    if (signIns.visitor(req)?.person.kind === 'staff') {
      res.redirect(303, '/staff');
      return;
    }
    const { person } = visitorOf(req, 'contact');
    const t = translateOf(res);
    const card = await securityCard(engine, person, t);
    res.render('account/home', {
      lastSignIn: await signIns.previous(req),
      security: card,
      unconfirmed: unconfirmedNote(person, t),
      recommendation:
        card.state === 'recommended'
          ? {
              text: t('account.home.recommendationText'),
              href: '/account/security',
              label: t('account.home.recommendationAction'),
            }
          : null,
    });
  });

  router.get('/staff', async (req, res) => {
    const { person } = visitorOf(req, 'staff');
    const t = translateOf(res);
    res.render('staff/home', {
      profile: person.profileName ?? t('staff.home.noProfile'),
      permissions: person.permissions.map((permission) => t(`staff.permission.${permission}`)),
      lastSignIn: await signIns.previous(req),
      security: await securityCard(engine, person, t),
      unconfirmed: unconfirmedNote(person, t),
      areas: staffTabs(person, req.path, t).map(({ href, label }) => ({
        heading: label,
        text: t(areaTexts[href] ?? href),
        link: { href, label: t('staff.home.open', { area: label }) },
      })),
    });
  });

  return router;
}

/** Mails tell people what happens to their account: whether any reaches them ought to be known. */
function unconfirmedNote({ emailConfirmed, email }: Person, t: Translate): object | null {
  if (emailConfirmed) return null;
  return {
    text: t('account.home.unconfirmedText', { email }),
    link: { href: '/account/email', label: t('account.home.unconfirmedAction') },
  };
}
