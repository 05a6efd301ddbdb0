import type { Express, RequestHandler, Router } from 'express';

export interface RouteEntry {
  method: string;
  path: string;
}

const mounts = new WeakMap<object, { path: string; child: object }[]>();

/** Mounts a router or app so that `listRoutes` can find it: Express forgets where it put things. */
export function mount(parent: Express | Router, path: string, child: Express | Router): void {
  const list = mounts.get(parent) ?? [];
  list.push({ path, child });
  mounts.set(parent, list);
  (parent as Router).use(path, child as RequestHandler);
}

/** Every method and path that the app answers, factors' own included. Tests hold access rules against this list, never a hand-written one. */
export function listRoutes(app: Express | Router, prefix = ''): RouteEntry[] {
  const known = new Set((mounts.get(app) ?? []).map(({ child }) => child));
  const own = stackOf(app).flatMap((layer) => {
    if (!layer.route) {
      // Its routes would be in no list, and no test would ask who may use them.
      if (layer.handle && 'stack' in layer.handle && !known.has(layer.handle))
        throw new Error(`Below ${prefix || '/'} a router was put in without \`mount\`.`);
      return [];
    }
    const methods = Object.keys(layer.route.methods).map((method) => method.toUpperCase());
    return [layer.route.path].flat().flatMap((path) => methods.map((method) => ({ method, path: join(prefix, path) })));
  });
  const mounted = (mounts.get(app) ?? []).flatMap(({ path, child }) => listRoutes(child as Router, join(prefix, path)));
  return [...own, ...mounted];
}

interface Layer {
  handle?: object;
  route?: { path: string | string[]; methods: Record<string, boolean> };
}

function stackOf(app: Express | Router): Layer[] {
  const { stack } = ('router' in app ? app.router : app) as unknown as { stack?: Layer[] };
  return stack ?? [];
}

function join(prefix: string, path: string): string {
  const whole = `${prefix}/${path}`.replace(/\/{2,}/g, '/');
  return whole.length > 1 ? whole.replace(/\/$/, '') : whole;
}
