import { totpCode } from '../../../../test/support/rfc-totp.ts';

/** The part of a test's browser that an enrolment needs. */
interface Client {
  get(path: string): Promise<{ html: string; forms: readonly { action: string }[] }>;
  submit(
    path: string,
    fields?: Readonly<Record<string, string>>,
    options?: { from?: string },
  ): Promise<{ status: number }>;
}

/** What the person's phone holds. */
interface Enrolled {
  secret: string;
}

const home = '/account/factors/totp';
const stepMilliseconds = 30_000;

/** Sets this factor up and answers for it as a person with an authenticator app would. */
export const driver = {
  id: 'totp',
  role: 'primary',

  /** Uses up the code of `now`: sign in with one of a later step. */
  async enrol(client: Client, now: Date, name?: string): Promise<Enrolled> {
    const first = await client.get(home);
    if (!first.forms.some(({ action }) => action === `${home}/confirm`)) await client.submit(home, {}, { from: home });
    const page = await client.get(home);
    const secret = readSecret(page.html);
    const fields = { code: driver.code({ secret }, now), ...(name === undefined ? {} : { name }) };
    const { status } = await client.submit(`${home}/confirm`, fields, { from: home });
    if (status >= 400) throw new Error(`The set-up was refused with status ${String(status)}.`);
    return { secret };
  },

  code({ secret }: Enrolled, now: Date): string {
    return totpCode({ secret, at: now });
  },

  /** A code that no step within a quarter of an hour has. */
  wrongCode({ secret }: Enrolled, now: Date): string {
    const near = new Set(
      Array.from({ length: 61 }, (_, index) =>
        totpCode({ secret, at: now.getTime() + (index - 30) * stepMilliseconds }),
      ),
    );
    let code = 0;
    while (near.has(String(code).padStart(6, '0'))) code += 1;
    return String(code).padStart(6, '0');
  },
};

/** The secret that a running set-up shows. */
export function readSecret(html: string): string {
  const secret = /otpauth:\/\/totp\/[^"]*?secret=([A-Z2-7]+)/.exec(html)?.[1];
  if (secret === undefined) throw new Error('The page shows no key.');
  return secret;
}
