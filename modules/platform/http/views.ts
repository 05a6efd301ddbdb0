import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import ejs from 'ejs';
import express, { type Express } from 'express';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The folder of the shared views and the folder of public files. */
export const folders = { views: join(root, 'views'), public: join(root, 'public'), modules: join(root, 'modules') };

export interface AppOptions {
  /** Folders searched before the shared views. */
  views?: readonly string[];
  trustProxy: number;
  cacheViews: boolean;
}

/**
 * Makes every Express app of the portal, the main one and each factor's: a sub-app made by hand would bring X-Powered-By back
 * and lose settings. Template values live in `res.locals` only.
 */
export function createApp(options: AppOptions): Express {
  const app = express();
  const views = [...(options.views ?? []), folders.views];
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('query parser', 'simple');
  app.set('trust proxy', options.trustProxy);
  app.set('views', views);
  app.set('view engine', 'ejs');
  // Only names are passed on: a body or query that reached render() could otherwise set EJS options (INJ-3).
  app.engine('ejs', (path, locals, done) => {
    const {
      settings: _settings,
      _locals: shared,
      cache: _cache,
      ...own
    } = locals as Record<string, unknown> & { _locals?: object };
    ejs.renderFile(
      path,
      { ...(shared ?? {}), ...own },
      { views, cache: options.cacheViews, rmWhitespace: false },
      (error, html) => {
        done(error, html);
      },
    );
  });
  return app;
}

/** Addresses of public files carry a fingerprint of their content, so they may be kept for ever. */
export function createAssets(folder: string): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    let address = known.get(name);
    if (address === undefined) {
      const fingerprint = createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('base64url')
        .slice(0, 12);
      address = `/assets/${name}?v=${fingerprint}`;
      known.set(name, address);
    }
    return address;
  };
}
