import type { Request, RequestHandler } from 'express';
import type { Config } from '../../config/index.ts';
import { languages, type Language, type Person } from '../kernel/person.ts';
import type { Clock, Translate } from '../kernel/ports.ts';
import type { SignIns } from '../kernel/sign-in.ts';
import type { Csrf } from '../platform/http/csrf.ts';
import type { Flash } from '../platform/http/flash.ts';
import { createAssets, folders } from '../platform/http/views.ts';
import { dateTimeFormatter, knownZone, type Texts } from '../platform/i18n.ts';
import { staffTabs, type StaffTab } from './staff/tabs.ts';

/**
 * The values that every page uses. Who is signed in, the language and the form token are looked up when a page asks for them: the
 * frame stands before everything that can refuse a request, so that refusals are whole pages too.
 */
export function pageFrame(ports: {
  config: Config;
  clock: Clock;
  texts: Texts;
  signIns: SignIns;
  csrf: Csrf;
  flash: Flash;
  /** Tabs that factors bring to staff's pages. */
  factorTabs(): readonly StaffTab[];
}): RequestHandler {
  const { config, clock, signIns, csrf, texts } = ports;
  const asset = createAssets(folders.public);
  const now = () => clock.now();

  return (req, res, next) => {
    const { locals } = res;
    Object.assign(locals, {
      siteName: config.siteName,
      helpContact: config.helpContact,
      asset,
      now,
    });
    const satisfied = () => {
      const visitor = signIns.visitor(req);
      return visitor?.signIn.state === 'satisfied' ? visitor.person : null;
    };
    const t = () => locals['t'] as Translate;
    define(locals, 'lang', () => languageOf(req, signIns.visitor(req)?.person ?? null));
    define(locals, 't', () => texts(locals['lang'] as Language, locals['preset'] as string | null | undefined));
    define(locals, 'timeZone', () => knownZone(satisfied()?.timeZone ?? null));
    define(locals, 'dateTime', () =>
      dateTimeFormatter({ lang: locals['lang'] as Language, timeZone: locals['timeZone'] as string, now }),
    );
    // Taken by the page that shows it, not by a redirect on the way.
    define(locals, 'flash', () => {
      const flash = req.method === 'GET' ? ports.flash.take(req, res) : null;
      return (
        flash && {
          kind: flash.kind,
          text: t()(flash.key, flash.params),
          link: flash.link ? { href: flash.link.href, label: t()(flash.link.key) } : null,
        }
      );
    });
    define(locals, 'csrfToken', () => csrf.token(req, res));
    define(locals, 'account', () => {
      const person = satisfied();
      return person && { name: person.name, email: person.email, kind: person.kind, company: person.companyName };
    });
    define(locals, 'pageMode', () => {
      const person = satisfied();
      return person === null ? 'narrow' : person.kind === 'staff' ? 'staff' : 'customer';
    });
    define(locals, 'tabs', () => {
      const person = satisfied();
      if (person?.kind === 'staff') return staffTabs(person, req.baseUrl + req.path, t(), ports.factorTabs());
      const { menu } = locals as { menu?: { company?: boolean } };
      return person && menu?.company ? companyTabs(req.path, t()) : [];
    });
    next();
  };
}

/** The person's own choice; else what the browser asks for. */
function languageOf(req: Request, person: Person | null): Language {
  if (person?.language) return person.language;
  const asked = req.acceptsLanguages([...languages]) as Language | false;
  return asked === false ? languages[0] : asked;
}

/** A company administrator's tabs; other customers have none. */
function companyTabs(path: string, t: Translate) {
  const isAdmin = path === '/company' || path.startsWith('/company/');
  return [
    { href: '/home', label: t('company.tab.home'), current: path === '/home' },
    { href: '/company', label: t('company.tab.admin'), current: isAdmin },
  ];
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
