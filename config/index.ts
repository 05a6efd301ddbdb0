import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { settingsSchema, type Settings } from './settings.ts';

/** Settings that can't be used, in a sentence. */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError';
}

export interface Config {
  production: boolean;
  test: boolean;
  /** False under development, where a changed template shows at once. */
  cacheViews: boolean;
  host: string;
  port: number;
  /** Null until the port is known and no BASE_URL is set. */
  baseUrl: string | null;
  dataDir: string;
  /** False where nobody named a folder. */
  dataDirGiven: boolean;
  keysDir: string;
  /** True where keys may be made at the first start. */
  mayMakeKeys: boolean;
  mongodbUri: string | null;
  trustProxy: number;
  siteName: string;
  brandColour: string;
  helpContact: string;
  /** Null: mails are not sent. */
  smtp: {
    host: string;
    port: number;
    secure: boolean;
    auth: { user: string; pass: string } | null;
    from: string;
  } | null;
  /** False where the work in the background is left to other processes. */
  jobs: boolean;
  logLevel: Settings['LOG_LEVEL'];
  argon2: { memoryKib: number; iterations: number; parallelism: number };
  passwordQueue: number;
  /** How many passwords are hashed at a time; the rest of the thread pool is the database's and the resolver's. */
  hashConcurrency: number;
  /** What factors read their own described settings from. */
  factorSettings: Readonly<Record<string, string>>;
}

/** Reads the settings. Throws a ConfigurationError whose message names each setting that is wrong, never its value. */
export function loadConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
  const parsed = settingsSchema.safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new ConfigurationError(`Some settings can't be used:\n${lines.join('\n')}`);
  }
  const settings = parsed.data;
  const production = settings.NODE_ENV === 'production';
  if (production) refuseUnsafeProduction(settings);
  refuseUnreachable(settings);
  const dataDir = resolve(settings.DATA_DIR);
  return Object.freeze({
    production,
    test: settings.NODE_ENV === 'test',
    cacheViews: settings.NODE_ENV !== 'development',
    host: settings.HOST,
    port: settings.PORT,
    baseUrl: settings.BASE_URL?.replace(/\/+$/, '') ?? null,
    dataDir,
    dataDirGiven: given['DATA_DIR'] !== undefined,
    keysDir: settings.KEYS_DIR ? resolve(settings.KEYS_DIR) : resolve(dataDir, 'keys'),
    mayMakeKeys: !production && !settings.KEYS_DIR,
    mongodbUri: settings.MONGODB_URI ?? null,
    trustProxy: settings.TRUST_PROXY,
    siteName: settings.SITE_NAME,
    brandColour: settings.BRAND_COLOUR,
    helpContact: settings.HELP_CONTACT,
    smtp: readSmtp(settings),
    jobs: settings.JOBS === 'on',
    logLevel: settings.LOG_LEVEL,
    argon2: {
      memoryKib: settings.ARGON2_MEMORY_KIB,
      iterations: settings.ARGON2_ITERATIONS,
      parallelism: settings.ARGON2_PARALLELISM,
    },
    passwordQueue: settings.PASSWORD_QUEUE,
    hashConcurrency: Math.min(availableParallelism(), settings.UV_THREADPOOL_SIZE - 2),
    factorSettings: Object.freeze(given),
  });
}

function readSmtp({ SMTP_URL, MAIL_FROM }: Settings): Config['smtp'] {
  if (SMTP_URL === undefined) return null;
  if (MAIL_FROM === undefined)
    throw new ConfigurationError(
      'The portal does not send mails without:\n  MAIL_FROM: name the sender, such as Portal <portal@example.com>.',
    );
  const url = new URL(SMTP_URL);
  const secure = url.protocol === 'smtps:';
  const auth = url.username === '' ? null : { user: decode(url.username), pass: decode(url.password) };
  return { host: url.hostname, port: Number(url.port || (secure ? 465 : 587)), secure, auth, from: MAIL_FROM };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ConfigurationError("Some settings can't be used:\n  SMTP_URL: write a % in the name or password as %25");
  }
}

const isLoopback = (host: string) => host === 'localhost' || host === '[::1]' || host.startsWith('127.');

// Each of these starts and then lets nobody in, or counts everybody as one address.
function refuseUnreachable(settings: Settings): void {
  if (settings.BASE_URL === undefined && ['0.0.0.0', '::', '[::]'].includes(settings.HOST)) {
    throw new ConfigurationError(`BASE_URL: name the address that people type; HOST=${settings.HOST} is none.`);
  }
  if (settings.BASE_URL?.startsWith('https:') && settings.TRUST_PROXY === 0) {
    throw new ConfigurationError(
      'TRUST_PROXY: with an https BASE_URL a reverse proxy stands in front. Say how many do (mostly 1), so that the addresses of people are known.',
    );
  }
}

// A lost setting must not open an empty portal with fresh keys: in production everything that holds accounts is named.
function refuseUnsafeProduction(settings: Settings): void {
  const missing: string[] = [];
  if (!settings.KEYS_DIR)
    missing.push('  KEYS_DIR: name the folder with the key files; `npm run gatehouse -- keys new DIR` makes one.');
  if (!settings.MONGODB_URI && settings.STORE !== 'embedded') {
    missing.push('  MONGODB_URI: name the database, or set STORE=embedded to use the store in DATA_DIR.');
  }
  if (!settings.BASE_URL)
    missing.push('  BASE_URL: name the address that people type, such as https://portal.example.com.');
  else if (settings.BASE_URL.startsWith('http:') && !isLoopback(new URL(settings.BASE_URL).hostname)) {
    missing.push('  BASE_URL: an https address. Over plain http anybody on the way reads passwords and cookies.');
  }
  if (missing.length > 0)
    throw new ConfigurationError(`The portal does not start in production without:\n${missing.join('\n')}`);
}
