import { randomInt } from 'node:crypto';

/** The part of a test's browser that an enrolment needs. */
interface Client {
  get(path: string): Promise<{ html: string; forms: readonly { action: string }[] }>;
  submit(
    path: string,
    fields?: Readonly<Record<string, string>>,
    options?: { from?: string },
  ): Promise<{ status: number; text: string }>;
}

/** The number of the person's phone. */
interface Enrolled {
  secret: string;
}

const home = '/account/factors/sms';

/** Sets this factor up and answers for it as a person with a phone would: what the phone got is read from the development outbox. */
export const driver = {
  id: 'sms',
  role: 'primary',
  sent: true,

  /** Goes as far as the page that asks for the code. */
  async begin(client: Client, _now: Date, name?: string): Promise<Enrolled> {
    const secret = newNumber();
    // Also in the place of a set-up that runs.
    await expectDone(
      client.submit(
        home,
        { number: secret, ...(name === undefined ? {} : { name }) },
        { from: `${home}?number=other` },
      ),
    );
    await expectDone(client.submit(`${home}/send`, {}, { from: home }));
    return { secret };
  },

  async enrol(client: Client, now: Date, name?: string): Promise<Enrolled> {
    const enrolled = await driver.begin(client, now, name);
    const code = await driver.code(enrolled, now, client);
    await expectDone(client.submit(`${home}/confirm`, { code }, { from: home }));
    return enrolled;
  },

  /** The code of the newest message to the number. */
  async code({ secret }: Enrolled, _now: Date, client: Pick<Client, 'get'>): Promise<string> {
    const [newest] = await messagesTo(secret, client);
    return /(?<![0-9])[0-9]{6}(?![0-9])/.exec(newest ?? '')?.[0] ?? '';
  },

  wrongCode(): string {
    return String(randomInt(1_000_000)).padStart(6, '0');
  },
};

/** A mobile number that nobody else of the test has. */
export function newNumber(): string {
  return `+49151${String(randomInt(10_000_000, 100_000_000))}`;
}

/** What came to a number, the newest first. */
export async function messagesTo(number: string, client: Pick<Client, 'get'>): Promise<string[]> {
  const outbox = JSON.parse((await client.get('/dev/outbox.json')).html) as {
    channel: string;
    to: string;
    text: string;
  }[];
  return outbox.filter(({ channel, to }) => channel === 'text' && to === number).map(({ text }) => text);
}

async function expectDone(answer: Promise<{ status: number; text: string }>): Promise<void> {
  const { status, text } = await answer;
  if (status >= 400) throw new Error(`The set-up was refused with status ${String(status)}: ${text}`);
}
