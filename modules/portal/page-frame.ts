import type { RequestHandler } from 'express';
import type { Config } from '../../config/index.ts';
import type { Clock } from '../kernel/ports.ts';
import type { SignIns } from '../kernel/sign-in.ts';
import type { Csrf } from '../platform/http/csrf.ts';
import type { Flash } from '../platform/http/flash.ts';
import { createAssets, folders } from '../platform/http/views.ts';
import { dateTimeFormatter, translator, type Catalogue } from '../platform/i18n.ts';

/**
 * The values that every page uses. Who is signed in and the form token are looked up when a page asks for them: the frame stands
 * before everything that can refuse a request, so that refusals are whole pages too.
 */
export function pageFrame(ports: {
  config: Config;
  clock: Clock;
  catalogue: Catalogue;
  signIns: SignIns;
  csrf: Csrf;
  flash: Flash;
}): RequestHandler {
  const { config, clock, signIns, csrf } = ports;
  const asset = createAssets(folders.public);
  const t = translator(ports.catalogue);
  const now = () => clock.now();
  const dateTime = dateTimeFormatter({ lang: 'en', timeZone: 'UTC', now });

  return (req, res, next) => {
    Object.assign(res.locals, {
      t,
      lang: 'en',
      timeZone: 'UTC',
      siteName: config.siteName,
      helpContact: config.helpContact,
      asset,
      now,
      dateTime,
      tabs: [],
    });
    // Taken by the page that shows it, not by a redirect on the way.
    define(res.locals, 'flash', () => {
      const flash = req.method === 'GET' ? ports.flash.take(req, res) : null;
      return (
        flash && {
          kind: flash.kind,
          text: t(flash.key, flash.params),
          link: flash.link ? { href: flash.link.href, label: t(flash.link.key) } : null,
        }
      );
    });
    const satisfied = () => {
      const visitor = signIns.visitor(req);
      return visitor?.signIn.state === 'satisfied' ? visitor.person : null;
    };
    define(res.locals, 'csrfToken', () => csrf.token(req, res));
    define(res.locals, 'account', () => {
      const person = satisfied();
      return person && { name: person.name, email: person.email, kind: person.kind, company: person.companyName };
    });
    define(res.locals, 'pageMode', () => {
      const person = satisfied();
      return person === null ? 'narrow' : person.kind === 'staff' ? 'staff' : 'customer';
    });
    next();
  };
}

function define(target: object, name: string, get: () => unknown): void {
  let made = false;
  let value: unknown;
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: true,
    get: () => {
      if (!made) value = get();
      made = true;
      return value;
    },
    set: (given: unknown) => {
      made = true;
      value = given;
    },
  });
}
