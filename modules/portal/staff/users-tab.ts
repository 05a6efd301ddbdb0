import { Router } from 'express';
import { mount } from '../../platform/http/route-list.ts';
import { userActionRoutes } from './user-action-routes.ts';
import { userEditRoutes } from './user-edit-routes.ts';
import { userProfileRoutes } from './user-profile-routes.ts';
import { userRoutes } from './user-routes.ts';
import type { UsersPorts } from './users-ports.ts';
import { usersRoutes } from './users-routes.ts';

/** Staff's Users tab. */
export function usersTab(ports: UsersPorts): Router {
  const router = Router();
  mount(router, '/', usersRoutes(ports));
  mount(router, '/', userRoutes(ports));
  mount(router, '/', userEditRoutes(ports));
  mount(router, '/', userProfileRoutes(ports));
  mount(router, '/', userActionRoutes(ports));
  return router;
}
