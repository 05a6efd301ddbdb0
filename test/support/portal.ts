// A whole portal for one test: its own database and keys, its own port, a clock that the test moves.
import { randomBytes, randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { loadConfig } from '../../config/index.ts';
import type { NewPerson } from '../../modules/accounts/people.ts';
import { parseEmail } from '../../modules/accounts/passwords/email.ts';
import type { Person } from '../../modules/kernel/person.ts';
import { keyPurposes, type KeyRing } from '../../modules/platform/keys.ts';
import { createLog, type Log } from '../../modules/platform/log.ts';
import type { KeptMessage } from '../../modules/platform/outbox/outbox.ts';
import { openDatabase, type Database } from '../../modules/platform/mongo.ts';
import { createPortal, listen, type Portal } from '../../server.ts';
import { Visitor } from './http.ts';
import { databaseUri } from './store.ts';

/** The clock of a test: it stands still until it is moved. It starts now, for the database's own clock expires rows. */
export class TestClock {
  private time = Math.floor(Date.now() / 30_000) * 30_000;

  now(): Date {
    return new Date(this.time);
  }

  advance(by: { seconds?: number; minutes?: number; hours?: number }): void {
    this.time += 1000 * ((by.seconds ?? 0) + 60 * ((by.minutes ?? 0) + 60 * (by.hours ?? 0)));
  }
}

export const password = 'quiet harbour lantern 42';

export interface TestPortal extends Portal {
  url: string;
  clock: TestClock;
  database: Database;
  keys: KeyRing;
  /** Every log line so far. */
  logLines(): string[];
  visitor(): Visitor;
  /** What would have been sent, newest first. */
  mails(): Promise<KeptMessage[]>;
  addPerson(person?: Partial<NewPerson> & { email?: string }): Promise<Person>;
  /** A second process in all but name: another app on the same database, keys and clock. */
  twin(): Promise<TestPortal>;
  close(): Promise<void>;
}

export interface TestPortalOptions {
  environment?: Record<string, string>;
  factorsFolder?: string;
  databaseName?: string;
  keys?: KeyRing;
  clock?: TestClock;
}

const cheapHashes = { ARGON2_MEMORY_KIB: '1024', ARGON2_ITERATIONS: '1' };

/** Portals that keep nothing to be looked at: one with a mail server, and one in production. */
export const noDevOutbox = {
  mailServer: { SMTP_URL: 'smtp://127.0.0.1:9', MAIL_FROM: 'portal@example.com', JOBS: 'off', SMS: 'off' },
  production: { NODE_ENV: 'production', BASE_URL: 'http://127.0.0.1', KEYS_DIR: '/nowhere', STORE: 'embedded' },
} as const;

/** Starts a portal on a free port. */
export async function openTestPortal(options: TestPortalOptions = {}): Promise<TestPortal> {
  const config = loadConfig({ NODE_ENV: 'test', PORT: '0', ...cheapHashes, ...options.environment });
  const lines: string[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(...chunk.toString('utf8').split('\n').filter(Boolean));
      done();
    },
  });
  const log = createLog('debug', sink);
  const clock = options.clock ?? new TestClock();
  const keys = options.keys ?? testKeys();
  const name = options.databaseName ?? `test-${randomUUID().slice(0, 18)}`;
  const database = await openDatabase({ uri: await databaseUri(), dataDir: '', log, name });
  const portal = await createPortal(config, {
    database,
    keys,
    clock,
    log,
    ...(options.factorsFolder === undefined ? {} : { factorsFolder: options.factorsFolder }),
  });
  const server = await listen(portal);
  const twins: TestPortal[] = [];
  const opened: TestPortal = {
    ...portal,
    clock,
    database,
    keys,
    url: portal.baseUrl(),
    logLines: () => lines,
    visitor: () => new Visitor(portal.baseUrl()),
    mails: async () => {
      await portal.tasks.work();
      // A twin's worker may have one in hand that this one then does not find.
      const inHand = () => database.connection.collection('tasks').countDocuments({ lease: { $ne: null } });
      for (let look = 0; look < 100 && (await inHand()) > 0; look += 1) await pause(20);
      return portal.outbox.kept(1000);
    },
    addPerson: (person = {}) => addPerson(portal, person),
    twin: async () => {
      const twin = await openTestPortal({ ...options, databaseName: name, keys, clock });
      twins.push(twin);
      return twin;
    },
    close: async () => {
      for (const twin of twins) await twin.close();
      await stop(server);
      await portal.jobs.stop();
      await database.close();
      if (options.databaseName === undefined) await dropDatabase(name, log);
    },
  };
  return opened;
}

/** Runs a test with a portal and closes it whatever happens. */
export async function withPortal<T>(
  use: (portal: TestPortal) => Promise<T>,
  options: TestPortalOptions = {},
): Promise<T> {
  const portal = await openTestPortal(options);
  try {
    return await use(portal);
  } finally {
    await portal.close();
  }
}

/** Types e-mail and password into the sign-in form. */
export function signInWith(visitor: Visitor, email: string, secret = password) {
  return visitor.submit('/sign-in', { email, password: secret }, { from: '/sign-in' });
}

async function addPerson(portal: Portal, person: Partial<NewPerson> & { email?: string }): Promise<Person> {
  const address = parseEmail(person.email ?? `ada.${randomBytes(4).toString('hex')}@example.com`);
  if (!address) throw new Error('Not an e-mail address.');
  const company =
    person.kind === 'staff' ? {} : { company: person.company ?? (await portal.companies.create('Northwind')) };
  return portal.accounts.create({
    kind: 'contact',
    name: 'Ada Lovelace',
    password: await portal.hasher.hash(password),
    passwordShort: false,
    ...(person.kind === 'staff' ? { profile: 'support' } : {}),
    ...company,
    ...person,
    email: address.email,
    emailKey: address.key,
  });
}

/** Fresh keys, never written anywhere. */
export function testKeys(): KeyRing {
  return Object.fromEntries(
    keyPurposes.map((purpose) => [purpose, [{ id: 'test', bytes: randomBytes(32) }]]),
  ) as unknown as KeyRing;
}

// On a connection of its own: a test may have closed the portal's.
async function dropDatabase(name: string, log: Log): Promise<void> {
  const database = await openDatabase({ uri: await databaseUri(), dataDir: '', log, name });
  await database.connection.dropDatabase();
  await database.close();
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
