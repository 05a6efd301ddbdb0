import type { RouteEntry } from '../../../modules/platform/http/route-list.ts';
import type { TestPortal } from '../../support/portal.ts';

/** Stands for a thing that is not there. */
export const missingId = 'f'.repeat(24);

/** Every route of the running portal, as addresses that can be asked for. */
export function dumpRoutes(portal: TestPortal): RouteEntry[] {
  return portal.routes().map(({ method, path }) => ({ method, path: path.replace(/^\/{2,}/, '/') }));
}

/** Fills the places of a route's path. */
export function addressOf(path: string, params: Readonly<Record<string, string>> = {}): string {
  return path.replace(/:(\w+)/g, (_whole, name: string) => params[name] ?? missingId);
}
