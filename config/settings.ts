import { z } from 'zod';

const positive = (fallback: number) => z.coerce.number().int().positive().default(fallback);

/** Every setting of the portal itself, read from the environment. docs/configuration.md is made from this table. */
export const settingsSchema = z.object({
  NODE_ENV: z
    .enum(['development', 'production', 'test'])
    .default('development')
    .describe('`production` refuses generated keys, a database by default and the development pages.'),
  HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address to listen on. Keep it on loopback behind a reverse proxy.'),
  PORT: z.coerce.number().int().min(0).max(65535).default(3000).describe('Port to listen on; 0 takes a free one.'),
  BASE_URL: z
    .url({ protocol: /^https?$/, error: 'must be a http(s) address such as https://portal.example.com' })
    .refine(
      (address) => !URL.canParse(address) || /^https?:\/\/[^/?#@]+\/?$/.test(address),
      'must have no path, name or query: the portal answers at the root of its own host name',
    )
    .optional()
    .describe(
      'The address that people type. Links in mails, cookies and origin checks follow it, never the Host header. Default: http://HOST:PORT.',
    ),
  DATA_DIR: z
    .string()
    .min(1)
    .default('data')
    .describe('Folder of the embedded store and, outside production, of the generated keys.'),
  KEYS_DIR: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Folder of the key files. Must be given in production; default: `keys` in DATA_DIR, made at the first start.',
    ),
  MONGODB_URI: z
    .string()
    .regex(/^mongodb(\+srv)?:\/\//, 'must begin with mongodb:// or mongodb+srv://')
    .optional()
    .describe('A MongoDB of your own (7 or newer). Without it the embedded store in DATA_DIR is used.'),
  STORE: z
    .enum(['embedded'])
    .optional()
    .describe('`embedded` says aloud, in production, that the embedded store is wanted.'),
  TRUST_PROXY: z.coerce
    .number()
    .int()
    .min(0)
    .max(5)
    .default(0)
    .describe('How many reverse proxies stand in front and overwrite X-Forwarded-For and X-Forwarded-Proto.'),
  SITE_NAME: z
    .string()
    .trim()
    .min(1)
    .max(60)
    .regex(/^\P{Cc}*$/u, 'must be one line')
    .default('Gatehouse')
    .describe('The name people see, in pages and in their authenticator app.'),
  BRAND_COLOUR: z
    .string()
    .regex(/^#[0-9a-f]{6}$/i, 'must be a colour such as #1f4fd8')
    .default('#1f4fd8')
    .describe('Colour of main buttons and links; the text colour on it is chosen by contrast.'),
  HELP_CONTACT: z
    .string()
    .trim()
    .max(200)
    .default('')
    .describe('Whom people ask who cannot sign in, in one sentence. Shown on challenge and error pages.'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent'])
    .default('info')
    .describe('How much is logged; one JSON object a line on standard output.'),
  SMTP_URL: z
    .url({ protocol: /^smtps?$/, error: 'must be smtp(s)://user:password@host:port' })
    .optional()
    .describe(
      'The mail server, as smtp(s)://user:password@host:port. Beyond loopback smtp:// demands STARTTLS. Without it mails wait in the outbox; outside production /dev/outbox shows them.',
    ),
  MAIL_FROM: z
    .string()
    .trim()
    .max(320)
    .regex(
      /^(?:[^\p{Cc}<>@,;"]+<[^\s<>@,;]+@[^\s<>@,;]+>|[^\s<>@,;]+@[^\s<>@,;]+)$/u,
      'must be an address, or Name <address>',
    )
    .optional()
    .describe('The sender of mails, as an address or as Name &lt;address&gt;. Must be given with SMTP_URL.'),
  JOBS: z
    .enum(['on', 'off'])
    .default('on')
    .describe('`off` leaves mails and other work in the background to the portal’s other processes.'),
  ARGON2_MEMORY_KIB: positive(47104).describe(
    'Memory of one password hash in KiB (argon2id; 46 MiB is the floor of ASVS 5.0 appendix C for one iteration).',
  ),
  ARGON2_ITERATIONS: positive(1).describe('Iterations of one password hash.'),
  ARGON2_PARALLELISM: positive(1).describe('Lanes of one password hash.'),
  PASSWORD_QUEUE: positive(64).describe(
    'How many password checks may wait, and a quarter of the requests of people who are signing in; beyond it they are told to try again in a moment (503).',
  ),
  UV_THREADPOOL_SIZE: z.coerce
    .number()
    .int()
    .min(3)
    .max(1024)
    .default(4)
    .describe(
      'Threads of the process (Node’s own setting): all but two of them hash passwords at a time, at most one for each core. Raise it to cores + 2 on machines with more than two.',
    ),
});

export type Settings = z.infer<typeof settingsSchema>;
