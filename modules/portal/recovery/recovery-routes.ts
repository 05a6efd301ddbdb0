import { Router } from 'express';
import type { Audit } from '../../kernel/ports.ts';
import type { Flash } from '../../platform/http/flash.ts';
import { mount } from '../../platform/http/route-list.ts';
import type { Tasks } from '../../platform/tasks.ts';
import type { KnownDevices } from '../../sign-in/known-devices.ts';
import { choosePasswordRoutes, type ChoosePasswordPorts, type PasswordLink } from './choose-password-routes.ts';
import { forgotPasswordRoutes } from './forgot-password-routes.ts';
import { invitationAgainRoutes } from './invitation-again-routes.ts';
import { createLetIn, type LetIn } from './let-in.ts';
import { createLinkCookie } from './link-cookie.ts';
import { unlockRoutes } from './unlock-routes.ts';

export interface RecoveryPorts extends ChoosePasswordPorts {
  tasks: Tasks;
  audit: Audit;
  flash: Flash;
  knownDevices: KnownDevices;
}

/** All that a mailed link leads to without a sign-in, and where such a link is asked for. */
export function recoveryRoutes(ports: RecoveryPorts): Router {
  const router = Router();
  const letIn = createLetIn(ports);
  mount(router, '/', forgotPasswordRoutes(ports));
  mount(router, '/', choosePasswordRoutes(ports, resetLink(ports, letIn)));
  // Before the invitation itself: its address would take "again" for a token.
  const cookie = createLinkCookie(ports.cookies, invitationCookie);
  mount(router, '/', invitationAgainRoutes({ ...ports, cookie }));
  mount(router, '/', choosePasswordRoutes(ports, invitationLink(ports, letIn)));
  mount(router, '/', unlockRoutes({ ...ports, letIn }));
  return router;
}

const resetCookie = 'gatehouse-reset';
const invitationCookie = 'gatehouse-invitation';

function resetLink(ports: RecoveryPorts, letIn: LetIn): PasswordLink {
  return {
    purpose: 'passwordReset',
    page: '/reset-password',
    cookie: resetCookie,
    view: 'recovery/reset-password',
    showClosed: (res) => {
      ports.cookies.expire(res, resetCookie);
      res.status(403).render('recovery/reset-closed', { pageMode: 'narrow' });
    },
    async done(req, res, person) {
      const who = { kind: 'person' as const, id: person.id };
      await ports.audit.record({
        event: 'password.changed',
        outcome: 'success',
        actor: who,
        target: who,
        reason: 'reset-link',
      });
      await letIn(req, res, person, 'reset-link');
      ports.flash.set(res, { kind: 'success', key: 'recovery.reset.done', params: { email: person.email } });
    },
  };
}

function invitationLink(ports: RecoveryPorts, letIn: LetIn): PasswordLink {
  return {
    purpose: 'invitation',
    page: '/invitation',
    cookie: invitationCookie,
    view: 'recovery/invitation',
    // The cookie stays: it says whom "Send me a new link" is for.
    showClosed: (res) => {
      res.status(403).render('recovery/invitation-closed', { pageMode: 'narrow' });
    },
    async done(req, res, person) {
      const who = { kind: 'person' as const, id: person.id };
      await ports.audit.record({ event: 'person.joined', outcome: 'success', actor: who, target: who });
      await letIn(req, res, person, 'invitation');
      ports.flash.set(res, { kind: 'success', key: 'recovery.invitation.done', params: { email: person.email } });
    },
  };
}
