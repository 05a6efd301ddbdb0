import { Router } from 'express';
import { mount } from '../../platform/http/route-list.ts';
import type { Tasks } from '../../platform/tasks.ts';
import { announceRoutes } from './announce-routes.ts';
import { createAnnouncements } from './announcement.ts';
import { contactDangerRoutes } from './contact-danger-routes.ts';
import { contactDetailsRoutes } from './contact-details-routes.ts';
import { contactRoutes } from './contact-routes.ts';
import type { CustomersPorts } from './customers-ports.ts';
import { customersRoutes } from './customers-routes.ts';

/** Staff's Customers tab, and the work in the background that belongs to it. */
export function customersTab(ports: CustomersPorts & { tasks: Tasks; siteName: string; helpContact: string }): Router {
  const router = Router();
  // Before the companies: their ids stand in the same place of the address.
  mount(router, '/', announceRoutes({ ...ports, announcements: createAnnouncements(ports) }));
  mount(router, '/', customersRoutes(ports));
  mount(router, '/', contactRoutes(ports));
  mount(router, '/', contactDetailsRoutes(ports));
  mount(router, '/', contactDangerRoutes(ports));
  return router;
}
