import { Router } from 'express';
import type { Tasks } from '../../platform/tasks.ts';
import type { Clock } from '../../kernel/ports.ts';
import { mount } from '../../platform/http/route-list.ts';
import { createAskForEmail } from './email-change.ts';
import { emailLinkRoutes, type EmailLinkPorts } from './email-link-routes.ts';
import { emailRoutes, type EmailRoutePorts } from './email-routes.ts';
import { passwordRoutes, type PasswordRoutePorts } from './password-routes.ts';
import { preferenceRoutes } from './preference-routes.ts';
import { securityRoutes, type SecurityRoutePorts } from './security-routes.ts';
import { sessionRoutes } from './session-routes.ts';

export interface AccountPagePorts
  extends EmailLinkPorts, PasswordRoutePorts, SecurityRoutePorts, Omit<EmailRoutePorts, 'askForEmail'> {
  clock: Clock;
  tasks: Tasks;
}

/** A person's own pages, contacts' and staff's alike. */
export function accountPages(ports: AccountPagePorts): Router {
  const router = Router();
  const askForEmail = createAskForEmail(ports);
  for (const pages of [
    securityRoutes(ports),
    sessionRoutes(ports),
    passwordRoutes(ports),
    emailRoutes({ ...ports, askForEmail }),
    emailLinkRoutes(ports),
    preferenceRoutes(ports),
  ])
    mount(router, '/', pages);
  return router;
}
