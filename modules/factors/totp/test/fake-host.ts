import { fileURLToPath } from 'node:url';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import express, { type ErrorRequestHandler, type Express, type Request } from 'express';
import passport from 'passport';
import type { Enrolment, FactorHost, RunningFactor } from '../../../kernel/factor.ts';
import { Refused } from '../../../kernel/errors.ts';
import type { Person } from '../../../kernel/person.ts';
import type { Translate } from '../../../kernel/ports.ts';
import type { TotpState } from '../state.ts';
import totp from '../index.ts';

const ownViews = fileURLToPath(new URL('../views', import.meta.url));
const sharedViews = fileURLToPath(new URL('../../../../views', import.meta.url));
const texts = new Map(
  [
    fileURLToPath(new URL('../locales/en.json', import.meta.url)),
    ...readdirSync(join(sharedViews, 'locales/en')).map((name) => join(sharedViews, 'locales/en', name)),
  ].flatMap((file) => Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>)),
);

/** The English text of a key; throws where there is none. */
export const translate: Translate = (key, params = {}) => {
  const text = texts.get(key);
  if (text === undefined) throw new Error(`There is no text ${key}.`);
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole));
};

export const ada = { id: 'ada', kind: 'contact', email: 'ada@example.com', name: 'Ada' } as Person;

/** What the engine would store and note; a test may change it as an attacker or an accident would. */
export class FakeEngine {
  now = new Date('2026-11-22T10:00:10Z');
  enrolments: Enrolment<TotpState>[] = [];
  audit: { event: string; reason?: string; enrolmentId?: string }[] = [];
  triesLeft = 1000;
  /** Runs before each compare-and-set: a place for other requests to come in between. */
  beforeSwap: () => void = () => undefined;

  pass(seconds: number): void {
    this.now = new Date(this.now.getTime() + seconds * 1000);
  }

  find(status: 'pending' | 'active', personId = ada.id): Enrolment<TotpState>[] {
    return this.enrolments.filter((one) => one.status === status && one.personId === personId);
  }

  /** All that this factor touches; the rest of a host is for others. */
  host(): FactorHost<TotpState> {
    const fake = this.enrolmentMethods();
    const host: Partial<FactorHost<TotpState>> = {
      enrolments: fake,
      challenge: { read: () => null, swap: () => Promise.resolve(true), update: () => Promise.resolve() },
      asked: () => ({ person: ada, purpose: 'signIn', signInId: 'sign-in' }),
      person: () => ada,
      owner: () => ({ personId: ada.id, signInId: 'sign-in' }),
      attempt: async (_person, check) => {
        if (this.triesLeft <= 0)
          throw new Refused('code-throttled', { params: { when: 'in 4 minutes' }, retryAfterSeconds: 240 });
        this.triesLeft -= 1;
        const result = await check();
        if (result !== null) this.triesLeft += 1;
        return result;
      },
      enrolled: (_req, res) => {
        res.redirect(303, '/enrolled');
        return Promise.resolve();
      },
      noteEnrolled: () => Promise.reject(new Error('This factor shows nothing once.')),
      noteRenewed: () => Promise.reject(new Error('This factor renews nothing in place.')),
      hash: () => Promise.reject(new Error('This factor hashes nothing.')),
      verifyHash: () => Promise.reject(new Error('This factor hashes nothing.')),
      seal: (...bound) => `sealed:${Buffer.from(JSON.stringify(bound)).toString('base64url')}`,
      open: (enrolmentId, personId, sealed) => {
        const bound = JSON.parse(Buffer.from(sealed.slice('sealed:'.length), 'base64url').toString()) as string[];
        if (bound[0] !== enrolmentId || bound[1] !== personId) throw new Error(`sealed for another: ${sealed}`);
        return String(bound[2]);
      },
      fingerprint: (text) => text,
      policy: () => Promise.resolve({ enabled: true, mandatory: false, afterEnrol: 'continue' as const }),
      now: () => this.now,
      siteName: 'Example: Ltd',
      audit: (_req, event, detail = {}) => {
        const { reason, enrolmentId } = detail;
        this.audit.push({
          event,
          ...(reason === undefined ? {} : { reason }),
          ...(enrolmentId === undefined ? {} : { enrolmentId }),
        });
        return Promise.resolve();
      },
      freshly: (_req, _res, next) => {
        next();
      },
      translate: () => translate,
      router: () => this.app(),
    };
    return host as FactorHost<TotpState>;
  }

  private enrolmentMethods(): FactorHost<TotpState>['enrolments'] {
    const unused = () => Promise.reject(new Error('not of use to this factor'));
    const copy = (enrolment: Enrolment<TotpState>) => structuredClone(enrolment);
    const replace = async (seen: Enrolment<TotpState>, next: Partial<Enrolment<TotpState>>) => {
      await nextTurn();
      this.beforeSwap();
      const stored = this.enrolments.find(
        ({ id, rev, status }) => id === seen.id && rev === seen.rev && status === seen.status,
      );
      if (!stored) return null;
      Object.assign(stored, structuredClone(next), { rev: stored.rev + 1 });
      return copy(stored);
    };
    return {
      list: async (personId) => {
        await nextTurn();
        return this.find('active', personId).map(copy);
      },
      pending: async ({ personId }) => {
        await nextTurn();
        const [running] = this.find('pending', personId).filter(
          ({ createdAt }) => this.now.getTime() - createdAt.getTime() < 1_800_000,
        );
        return running ? copy(running) : null;
      },
      begin: async (person, make, name) => {
        await nextTurn();
        this.enrolments = this.enrolments.filter(({ status }) => status === 'active');
        const id = `enrolment-${crypto.randomUUID()}`;
        const times = { createdAt: this.now, confirmedAt: null, lastUsedAt: null };
        const begun: Enrolment<TotpState> = {
          id,
          personId: person.id,
          status: 'pending',
          name,
          rev: 0,
          state: make(id),
          ...times,
        };
        this.enrolments.push(begun);
        return copy(begun);
      },
      renew: unused,
      renewing: unused,
      colleagueHas: unused,
      confirm: (seen, next) => replace(seen, { ...next, status: 'active', confirmedAt: this.now }),
      swap: async (seen, next, use) =>
        (await replace(seen, { state: next, ...(use?.used ? { lastUsedAt: this.now } : {}) })) !== null,
      discard: async () => {
        await nextTurn();
        this.enrolments = this.enrolments.filter(({ status }) => status === 'active');
      },
    };
  }

  private app(): Express {
    const app = express();
    app.disable('x-powered-by');
    app.set('views', [ownViews, sharedViews]);
    app.set('view engine', 'ejs');
    return app;
  }

  /** The factor behind a listening server: its pages, and its strategy at POST /challenge. */
  async listen(): Promise<{ url: string; running: RunningFactor; close: () => void }> {
    const app = this.app();
    const running = totp.start(this.host(), { issuer: '' });
    const portal = new passport.Passport();
    portal.use('totp', running.strategy);
    app.use(express.urlencoded({ extended: false, limit: '64kb' }), (_req, res, next) => {
      Object.assign(res.locals, {
        t: translate,
        lang: 'en',
        siteName: 'Example',
        csrfToken: 'token',
        pageMode: 'narrow',
        flash: null,
      });
      res.locals.asset = (name: string) => `/assets/${name}`;
      next();
    });
    app.use('/account/factors/totp', running.enrolment);
    app.post('/challenge', (req: Request, res, next) => {
      const verify = portal.authenticate('totp', { session: false }, (error: unknown, user: unknown, info: unknown) => {
        if (error) next(error as Error);
        else res.status(user ? 200 : 422).json(info);
      }) as express.RequestHandler;
      void verify(req, res, next);
    });
    const refuse: ErrorRequestHandler = (error: unknown, _req, res, next) => {
      if (error instanceof Refused) res.status(error.status).send(error.code);
      else next(error);
    };
    app.use(refuse);
    const server = http.createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${String(port)}`, running, close: () => server.close() };
  }
}
