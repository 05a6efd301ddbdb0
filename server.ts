import type { Server } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Express } from 'express';
import expressSession from 'express-session';
import { Passport } from 'passport';
import { loadConfig, type Config } from './config/index.ts';
import { createCompanies, type Companies } from './modules/accounts/companies.ts';
import { createDirectory, type Directory } from './modules/accounts/directory.ts';
import { createLinks, type Links } from './modules/accounts/links.ts';
import { createMasterAdmins } from './modules/accounts/master-admins.ts';
import { createProfiles, type Profiles } from './modules/accounts/own-profiles.ts';
import { createAccounts, type Accounts } from './modules/accounts/people.ts';
import { createStanding, type Standing } from './modules/accounts/standing.ts';
import { createLocalStrategy } from './modules/accounts/passwords/local-strategy.ts';
import { emailKey } from './modules/accounts/passwords/email.ts';
import { createPasswordHasher, type PasswordHasher } from './modules/accounts/passwords/password-hasher.ts';
import { createSetUp, type SetUp } from './modules/accounts/set-up.ts';
import { createAuditTrail, type AuditTrail } from './modules/audit/audit-trail.ts';
import { languages } from './modules/kernel/person.ts';
import type { Clock, Throttle } from './modules/kernel/ports.ts';
import { Refused } from './modules/kernel/errors.ts';
import { createEngine, mountEngine, startFactors } from './modules/mfa/index.ts';
import type { Engine } from './modules/mfa/engine.ts';
import { createGate } from './modules/mfa/gate.ts';
import { createTrustedDevices } from './modules/mfa/trusted-devices.ts';
import { presetNames } from './modules/mfa/policy/policy.ts';
import { discoverFactors } from './modules/mfa/registry.ts';
import { systemClock } from './modules/platform/clock.ts';
import { createCookies } from './modules/platform/http/cookies.ts';
import { createCsrf } from './modules/platform/http/csrf.ts';
import { domainOf, createMailer } from './modules/platform/mailer.ts';
import { createMailViews } from './modules/platform/mail-views.ts';
import { createOutbox, type DurableOutbox } from './modules/platform/outbox/outbox.ts';
import { createWorker, type Worker } from './modules/platform/outbox/worker.ts';
import { errorPages } from './modules/platform/http/error-pages.ts';
import { createFlash } from './modules/platform/http/flash.ts';
import { addressGuard, behindTls, formBody, methodGuard, originGuard } from './modules/platform/http/request-guards.ts';
import { listRoutes, mount, type RouteEntry } from './modules/platform/http/route-list.ts';
import { noStore, securityHeaders } from './modules/platform/http/security-headers.ts';
import { createWaitingRoom } from './modules/platform/http/waiting-room.ts';
import { exitOnFailure, listenOn, stopGracefully } from './modules/platform/http/serve.ts';
import { createApp, folders } from './modules/platform/http/views.ts';
import { readTexts } from './modules/platform/i18n.ts';
import { makeKeys, readKeys, type KeyRing } from './modules/platform/keys.ts';
import { explainAndExit } from './modules/platform/explain.ts';
import { createLog, type Log } from './modules/platform/log.ts';
import { ensureIndexes, openDatabase, type Database } from './modules/platform/mongo.ts';
import { withRequestContext } from './modules/platform/request-context.ts';
import { checkSchemaVersion } from './modules/platform/schema-version.ts';
import { createFingerprint, createSealer } from './modules/platform/sealer.ts';
import { createTasks, type Tasks } from './modules/platform/tasks.ts';
import { addressKey, createThrottle } from './modules/platform/throttle.ts';
import { accountMenu } from './modules/portal/account-menu.ts';
import { accountPages } from './modules/portal/account/account-pages.ts';
import { devOutboxRoutes } from './modules/portal/dev-outbox-routes.ts';
import { createGallery } from './modules/portal/gallery/gallery.ts';
import { galleryRoutes } from './modules/portal/gallery/gallery-routes.ts';
import { homeRoutes } from './modules/portal/home-routes.ts';
import { newPasswordRoutes } from './modules/portal/new-password-routes.ts';
import { createMails } from './modules/portal/mails.ts';
import { createNotifier } from './modules/portal/factor-notices.ts';
import { createCompanyAccess } from './modules/portal/company/company-access.ts';
import { companyRoutes } from './modules/portal/company/company-routes.ts';
import { createInvite, type Invite } from './modules/portal/recovery/invite.ts';
import { createNotices } from './modules/portal/notices.ts';
import { recoveryRoutes } from './modules/portal/recovery/recovery-routes.ts';
import { handleRecoveryTasks } from './modules/portal/recovery/recovery-tasks.ts';
import { pageFrame } from './modules/portal/page-frame.ts';
import { createPresetWords } from './modules/portal/preset-words.ts';
import { recordRefusals } from './modules/portal/record-refusals.ts';
import { publicRoutes } from './modules/portal/public-routes.ts';
import { setUpRoutes } from './modules/portal/set-up-routes.ts';
import { groupsRoutes } from './modules/portal/settings/groups-routes.ts';
import { historyRoutes } from './modules/portal/settings/history-routes.ts';
import { profilesRoutes } from './modules/portal/settings/profiles-routes.ts';
import { settingsRoutes } from './modules/portal/settings/settings-routes.ts';
import { auditRoutes } from './modules/portal/staff/audit-routes.ts';
import { customersTab } from './modules/portal/staff/customers-tab.ts';
import { mailRoutes } from './modules/portal/staff/mail-routes.ts';
import { createStaffAccess } from './modules/portal/staff/staff-access.ts';
import { usersTab } from './modules/portal/staff/users-tab.ts';
import { accessGuard } from './modules/sign-in/access.ts';
import { createKnownDevices, type KnownDevices } from './modules/sign-in/known-devices.ts';
import { createPasswordProof } from './modules/sign-in/password-tries.ts';
import { signInRoutes } from './modules/sign-in/routes.ts';
import { SignInSessionStore } from './modules/sign-in/session-store.ts';
import { signInModel } from './modules/sign-in/sign-in-model.ts';
import { createSignIns, type SignInService } from './modules/sign-in/sign-ins.ts';

/** The edges of the portal, which tests replace: where data lives, what time it is, where log lines go. */
export interface Adapters {
  database: Database;
  clock?: Clock;
  log?: Log;
  keys: KeyRing;
  /** Folder of the factor folders; default: modules/factors. */
  factorsFolder?: string;
}

export interface Portal {
  app: Express;
  config: Config;
  log: Log;
  /** Every route of the running app. */
  routes(): RouteEntry[];
  /** The address that people type; set by `listen` where no BASE_URL is given. */
  baseUrl(): string;
  setBaseUrl(url: string): void;
  accounts: Accounts;
  companies: Companies;
  directory: Directory;
  profiles: Profiles;
  links: Links;
  standing: Standing;
  signIns: SignInService;
  throttle: Throttle;
  knownDevices: KnownDevices;
  tasks: Tasks;
  setUp: SetUp;
  invite: Invite;
  engine: Engine;
  hasher: PasswordHasher;
  audit: AuditTrail;
  clock: Clock;
  outbox: DurableOutbox;
  /** True where messages are kept for /dev/outbox instead of being sent. */
  devOutbox: boolean;
  /** The work in the background; `listen` starts it where this process does any. */
  jobs: { start(): void; stop(): Promise<void> };
}

/** Wires one portal over its adapters. Nothing is shared between two portals of one process. */
export async function createPortal(config: Config, adapters: Adapters): Promise<Portal> {
  const { database, keys } = adapters;
  const { connection } = database;
  const clock = adapters.clock ?? systemClock;
  const log = adapters.log ?? createLog(config.logLevel);
  let baseUrl = config.baseUrl ?? `http://${config.host}:${String(config.port)}`;

  const cookies = createCookies(baseUrl.startsWith('https://'));
  const flash = createFlash(keys.csrf[0], cookies);
  const audit = createAuditTrail(connection, clock, log);
  const throttle = createThrottle(connection, createFingerprint(keys.lookup[0], 'throttle'), clock);
  const accounts = createAccounts(connection, clock);
  const companies = createCompanies(connection, clock);
  const profiles = createProfiles(connection);
  const directory = createDirectory(connection);
  const links = createLinks(connection, clock);
  const standing = createStanding(connection, {
    people: accounts,
    masterAdmins: createMasterAdmins(connection, accounts),
    clock,
  });
  const tasks = createTasks(connection, { clock, log });
  const setUp = createSetUp(connection, accounts, clock);
  const signInRows = signInModel(connection);
  const knownDevices = createKnownDevices(connection, {
    cookies,
    fingerprint: createFingerprint(keys.lookup[0], 'known-devices'),
    clock,
  });
  const signIns = createSignIns({
    model: signInRows,
    people: accounts,
    audit,
    clock,
    onCompleted: (req, person) => knownDevices.remember(req, emailKey(person.email)),
  });
  const hasher = createPasswordHasher({
    peppers: keys.pepper.map((key) => ({ id: key.id, key: key.bytes })),
    parameters: config.argon2,
    concurrency: config.hashConcurrency,
    queueLimit: config.passwordQueue,
    onFault: (error) => {
      log.error({ err: error }, 'password record');
    },
  });
  const passport = new Passport();
  passport.use(
    'local',
    createLocalStrategy({
      findByEmail: (key) => accounts.findByEmail(key),
      hasher,
      rehash: async ({ personId, seen, next }) => {
        if (await accounts.rehash(personId, seen, next)) {
          await audit.record({
            event: 'password.rehashed',
            outcome: 'success',
            actor: { kind: 'portal' },
            target: { kind: 'person', id: personId },
          });
        }
      },
      onFault: (error) => {
        log.warn({ err: error }, 'password not rehashed');
      },
    }),
  );
  const accountOf = async (email: string) => {
    const found = await accounts.findByEmail(emailKey(email));
    return found && { id: found.person.id, disabled: found.person.disabled };
  };
  const onAccountFull = (account: string) => tasks.add('unlock-link', { emailKey: account });
  const passwords = createPasswordProof({
    throttle,
    audit,
    emailKey,
    accountOf,
    onAccountFull,
    deviceOf: (req, account) => knownDevices.find(req, account),
    verify: async (person, password) => (await hasher.verify(await accounts.passwordOf(person.id), password)).right,
  });

  const sealer = createSealer(keys.seal);
  const { smtp } = config;
  const keepsMail = !config.production && smtp === null;
  // Factors are started further down: whether texts are kept or sent is theirs to say.
  const outbox = createOutbox(connection, {
    sealer,
    clock,
    domain: smtp ? domainOf(smtp.from) : 'localhost',
    keeps: (channel) => (channel === 'mail' ? keepsMail : engine.texts()?.keeps === true),
  });
  if (smtp === null && config.production)
    log.warn('SMTP_URL is not set: mails wait in the outbox and nobody gets them');

  const installed = await discoverFactors(
    adapters.factorsFolder ?? join(folders.modules, 'factors'),
    config.factorSettings,
    { production: config.production },
  );
  const texts = readTexts({
    locales: [join(folders.views, 'locales'), ...installed.map((factor) => join(factor.folder, 'locales'))],
    presets: [join(folders.views, 'presets'), ...installed.map((factor) => join(factor.folder, 'presets'))],
  });
  // A preset whose words can't be read stops the boot, not the first page after it is chosen.
  for (const preset of presetNames) for (const language of languages) texts(language, preset);
  const mails = createMails({
    outbox,
    render: createMailViews({
      siteName: config.siteName,
      brandColour: config.brandColour,
      cacheViews: config.cacheViews,
    }),
    texts,
    siteName: config.siteName,
    helpContact: config.helpContact,
    baseUrl: () => baseUrl,
  });
  const engine = createEngine(connection, {
    signIns,
    people: accounts,
    audit,
    throttle,
    sealer,
    fingerprint: createFingerprint(keys.lookup[0], 'factors'),
    hasher,
    clock,
    passport,
    siteName: config.siteName,
    outbox,
    texts,
    notifier: createNotifier({ mails, directory }),
    baseUrl: () => baseUrl,
    log,
    connection,
  });
  startFactors(engine, installed, {
    flash,
    allowEvents: (events) => {
      audit.allow(events);
    },
  });
  const carrier = engine.texts();
  const devOutbox = keepsMail || carrier?.keeps === true;
  const workers: Worker[] = [];
  if (config.jobs && smtp)
    workers.push(createWorker({ outbox, channel: 'mail', deliver: createMailer(smtp, smtp.from), log }));
  // Often looked at, for somebody waits for their code.
  if (config.jobs && carrier && !carrier.keeps)
    workers.push(
      createWorker({ outbox, channel: 'text', deliver: (message) => carrier.deliver(message), log, pollMs: 400 }),
    );
  engine.trustedDevices = createTrustedDevices(connection, {
    cookies,
    policies: engine.policies,
    signIns,
    audit,
    clock,
  });
  const gate = createGate(engine);
  await checkSchemaVersion(connection);
  await ensureIndexes(connection);
  await setUp.recover(log);

  const appOptions = { trustProxy: config.trustProxy, cacheViews: config.cacheViews };
  const invite = createInvite({ links, mails, audit });
  handleRecoveryTasks(tasks, { accounts, links, mails, invite, throttle, audit });
  audit.onRecord(
    createNotices({
      mails,
      byId: (id) => accounts.byId(id),
      isRecovery: (factor) => engine.roleOf(factor) === 'recovery',
    }),
  );
  const app = createApp(appOptions);
  const sessionCookie = 'gatehouse';
  const csrf = createCsrf({
    keys: keys.csrf,
    cookies,
    binding: (req) => (signIns.visitor(req) ? req.sessionID : null),
    exempt: (path) => path.startsWith('/callbacks/'),
  });

  const waitingRoom = createWaitingRoom({
    atATime: config.hashConcurrency + 2,
    limit: 4 * config.passwordQueue,
    passes: (req) => signIns.visitor(req)?.signIn.state === 'satisfied',
    lineOf: (req) => signIns.visitor(req)?.person.id ?? addressKey(req.ip ?? ''),
  });

  app.use(withRequestContext);
  app.use(securityHeaders(cookies.secure));
  app.use(methodGuard, behindTls(cookies.secure));
  mount(app, '/', publicRoutes({ config, connection, factorHealth: () => engine.health() }));
  app.use(noStore);
  app.use(pageFrame({ config, clock, texts, signIns, csrf, flash, factorTabs: () => engine.staffTabs() }));
  const presetWords = createPresetWords(async () => (await engine.policies.of('contact')).preset);
  // A form is read whole before anything is looked up: what a slow client's request is allowed is decided by what holds when it is
  // complete, and it holds no place in the waiting room meanwhile.
  app.use(
    addressGuard,
    originGuard(() => baseUrl),
    formBody,
    presetWords.ask,
  );
  app.use(
    expressSession({
      name: cookies.name(sessionCookie),
      secret: keys.session.map((key) => key.bytes.toString('base64')),
      cookie: { ...cookies.options, httpOnly: true },
      resave: false,
      saveUninitialized: false,
      store: new SignInSessionStore(signInRows),
    }),
  );
  app.use(signIns.load, presetWords.wait);
  app.use(waitingRoom, csrf.guard);
  app.use(accessGuard({ signIns, gate, flash }));
  app.use(accountMenu({ signIns, engine }));
  if (devOutbox) {
    mount(app, '/', devOutboxRoutes(outbox));
    const gallery = createGallery({ engine, mails, clock, helpContact: config.helpContact });
    mount(app, '/', galleryRoutes({ gallery, texts }));
  }
  mount(
    app,
    '/',
    signInRoutes({
      signIns,
      gate,
      passport,
      throttle,
      audit,
      flash,
      cookies,
      sessionCookie,
      emailKey,
      accountOf,
      knownDevices,
      onAccountFull,
    }),
  );
  mount(
    app,
    '/',
    recoveryRoutes({
      accounts,
      links,
      hasher,
      throttle,
      tasks,
      audit,
      flash,
      cookies,
      knownDevices,
      siteName: config.siteName,
      minimumPasswordLength: (person) => gate.minimumPasswordLength(person),
    }),
  );
  mount(app, '/', setUpRoutes({ setUp, hasher, signIns, gate, audit, throttle, cookies, siteName: config.siteName }));
  mount(app, '/', newPasswordRoutes({ accounts, hasher, signIns, audit, flash, siteName: config.siteName }));
  mountEngine(app, engine, {
    passwords,
    flash,
    helpContact: config.helpContact,
    factorApp: (views) => createApp({ ...appOptions, views: [views] }),
  });
  mount(
    app,
    '/',
    accountPages({
      accounts,
      directory,
      links,
      hasher,
      passwords,
      signIns,
      gate,
      engine,
      throttle,
      audit,
      tasks,
      mails,
      cookies,
      flash,
      clock,
      siteName: config.siteName,
      helpContact: config.helpContact,
    }),
  );
  const access = createStaffAccess(signIns);
  const nameOf = async (id: string) => (await accounts.byId(id))?.name ?? null;
  const companyAccess = createCompanyAccess({ signIns, policies: engine.policies, accounts });
  mount(
    app,
    '/',
    companyRoutes({
      access: companyAccess,
      accounts,
      directory,
      standing,
      signIns,
      engine,
      invite,
      throttle,
      audit,
      flash,
    }),
  );
  const settings = { engine, directory, access, audit, flash, clock, nameOf };
  mount(app, '/', settingsRoutes(settings));
  mount(app, '/', historyRoutes(settings));
  mount(app, '/', groupsRoutes({ ...settings, companies }));
  mount(app, '/', profilesRoutes({ ...settings, profiles }));
  mount(app, '/', homeRoutes({ signIns, gate, engine, cookies }));
  mount(
    app,
    '/',
    customersTab({
      access,
      accounts,
      companies,
      directory,
      links,
      standing,
      signIns,
      engine,
      throttle,
      knownDevices,
      audit,
      flash,
      clock,
      invite,
      mails,
      tasks,
      siteName: config.siteName,
      helpContact: config.helpContact,
    }),
  );
  mount(
    app,
    '/',
    usersTab({
      access,
      accounts,
      companies,
      directory,
      links,
      standing,
      signIns,
      engine,
      throttle,
      knownDevices,
      audit,
      flash,
      clock,
      invite,
      mails,
      outbox,
      profiles,
    }),
  );
  mount(app, '/', auditRoutes({ access, audit, directory, companies, engine }));
  const delivery = smtp ? 'sent' : devOutbox ? 'kept' : 'nowhere';
  mount(app, '/', mailRoutes({ access, outbox, audit, flash, delivery }));
  app.use(() => {
    throw new Refused('not-found');
  });
  app.use(presetWords.waitRefused, recordRefusals({ signIns, audit, log }));
  app.use(errorPages(log));

  return {
    app,
    config,
    log,
    routes: () => listRoutes(app),
    baseUrl: () => baseUrl,
    setBaseUrl: (url) => {
      if (config.baseUrl === null) baseUrl = url;
    },
    accounts,
    companies,
    directory,
    profiles,
    links,
    standing,
    signIns,
    throttle,
    knownDevices,
    tasks,
    setUp,
    invite,
    engine,
    hasher,
    audit,
    clock,
    outbox,
    devOutbox,
    jobs: {
      start: () => {
        for (const worker of workers) worker.start();
        if (config.jobs) tasks.start();
      },
      stop: async () => {
        await Promise.all([...workers.map((worker) => worker.stop()), tasks.stop()]);
        await engine.stop();
      },
    },
  };
}

/** A portal with its own database and keys, as `npm start` and the commands run it. */
export async function openPortal(
  config: Config,
  options: { log?: Log } = {},
): Promise<Portal & { database: Database; close(): Promise<void> }> {
  const log = options.log ?? createLog(config.logLevel);
  if (config.mayMakeKeys) makeKeys(config.keysDir);
  const keys = readKeys(config.keysDir, { ownerOnly: config.production });
  const database = await openDatabase({ uri: config.mongodbUri, dataDir: config.dataDir, log });
  try {
    const portal = await createPortal(config, { database, keys, log });
    return { ...portal, database, close: () => portal.jobs.stop().finally(() => database.close()) };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Listens; resolves when the port is open and the work in the background has begun. */
export async function listen(portal: Portal): Promise<Server> {
  const { config } = portal;
  const { server, url } = await listenOn(portal.app, {
    host: config.host,
    port: config.port,
    secure: portal.baseUrl().startsWith('https://'),
  });
  portal.setBaseUrl(url);
  portal.jobs.start();
  return server;
}

async function main(): Promise<void> {
  const portal = await openPortal(loadConfig());
  const server = await listen(portal);
  stopGracefully(server, portal);
  exitOnFailure(portal.database, portal.log);
  process.stdout.write(`Gatehouse listens on ${portal.baseUrl()}\n`);
  const token = await portal.setUp.newToken();
  if (token !== null) {
    process.stdout.write(
      `\nThis portal has no administrator yet. Open this link once, within 24 hours, to create the first:\n\n  ${portal.baseUrl()}/set-up/${token}\n\n`,
    );
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  main().catch(explainAndExit);
