import express, { Router } from 'express';
import type { Connection } from 'mongoose';
import type { Config } from '../../config/index.ts';
import type { FactorHealth } from '../kernel/factor.ts';
import { brandStylesheet } from '../platform/http/brand.ts';
import { localOnly } from '../platform/http/local-only.ts';
import { folders } from '../platform/http/views.ts';

const dayMs = 86_400_000;

/** What needs no session: public files, the brand's colours, health. */
export function publicRoutes(ports: {
  config: Config;
  connection: Connection;
  factorHealth(): Promise<Record<string, FactorHealth>>;
}): Router {
  const router = Router({ caseSensitive: true });
  const brand = brandStylesheet(ports.config.brandColour);

  router.use(
    '/assets',
    express.static(folders.public, {
      index: false,
      redirect: false,
      dotfiles: 'ignore',
      etag: false,
      immutable: true,
      maxAge: 365 * dayMs,
      fallthrough: true,
    }),
  );
  router.get('/brand.css', (_req, res) => {
    res.set('Cache-Control', 'public, max-age=300').type('text/css').send(brand);
  });
  router.get('/favicon.ico', (_req, res) => {
    res.redirect(301, '/assets/icon.svg');
  });
  router.get('/robots.txt', (_req, res) => {
    res.set('Cache-Control', 'public, max-age=86400').type('text/plain').send('User-agent: *\nDisallow: /\n');
  });
  // ok or fail, nothing else (ASVS 13.4.5). The database is asked: a portal without it can't sign anybody in.
  router.get('/healthz', async (_req, res) => {
    const alive = await isAlive(ports.connection);
    res
      .set('Cache-Control', 'no-store')
      .status(alive ? 200 : 503)
      .type('text/plain')
      .send(alive ? 'ok' : 'fail');
  });
  // What the operator's monitoring asks, on the machine itself: what the portal leans on, one by one.
  router.get('/healthz/detail', localOnly, async (_req, res) => {
    const alive = await isAlive(ports.connection);
    const factors = alive ? await ports.factorHealth() : {};
    const degraded = Object.values(factors).some(({ state }) => state === 'degraded');
    res
      .set('Cache-Control', 'no-store')
      .status(alive ? 200 : 503)
      .json({ state: alive ? (degraded ? 'degraded' : 'ok') : 'fail', database: alive ? 'ok' : 'fail', factors });
  });
  return router;
}

async function isAlive(connection: Connection): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, 2000, false).unref());
  return Promise.race([late, answers(connection)]);
}

async function answers(connection: Connection): Promise<boolean> {
  try {
    return (await connection.db?.command({ ping: 1 })) !== undefined;
  } catch {
    return false;
  }
}
