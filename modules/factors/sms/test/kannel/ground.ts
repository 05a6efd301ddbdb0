// What the tests with a real Kannel stand on: a portal that sends by it, and the phones at its other end.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { describeWithAuthenticator } from '../../../../../test/attacks/support/authenticator.ts';
import { openTestPortal, type TestPortal, type TestPortalOptions } from '../../../../../test/support/portal.ts';
import type { Delivery, KannelOptions } from '../gateways/kannel-conf.ts';
import { kannelMissing, startKannel, type KannelProcess } from '../gateways/kannel-process.ts';

/** One Kannel for a group of tests. Skipped with a sentence where there is none; staff of these tests sign in by an app. */
export function describeWithKannel(
  title: string,
  tests: (kannel: () => KannelProcess) => void,
  options: KannelOptions = {},
): void {
  describeWithAuthenticator(title, () => {
    let kannel: KannelProcess | undefined;
    before(async function () {
      if (kannelMissing !== null) {
        process.stderr.write(`${kannelMissing}\n`);
        this.skip();
      }
      kannel = await startKannel(options);
    });
    after(() => kannel?.stop());
    tests(() => kannel ?? assert.fail('Kannel did not start'));
  });
}

/** A portal whose text messages leave by this Kannel. */
export function openPortalAt(kannel: KannelProcess, options: TestPortalOptions = {}): Promise<TestPortal> {
  return openTestPortal({
    ...options,
    environment: {
      SMS_GATEWAYS: 'kannel',
      SMS_KANNEL_URL: kannel.url,
      SMS_KANNEL_USERNAME: kannel.username,
      SMS_KANNEL_PASSWORD: kannel.password,
      SMS_KANNEL_FROM: 'PORTAL',
      ...options.environment,
    },
  });
}

/** A German mobile number that nobody else of the test has, in a range of its own where one is given. */
export function newNumber(range = '151'): string {
  return `+49${range}${String(randomInt(10 ** (10 - range.length), 10 ** (11 - range.length)))}`;
}

/** A phone with its number: what came to it by the network, each message read once. */
export class Handset {
  readonly number: string;
  private readonly kannel: KannelProcess;
  private read = 0;

  constructor(kannel: KannelProcess, number = newNumber()) {
    this.kannel = kannel;
    this.number = number;
  }

  async messages(): Promise<Delivery[]> {
    return (await this.kannel.delivered()).filter(({ to }) => to === this.number);
  }

  /** The text of the next message, once it is there. */
  async next(): Promise<string> {
    const end = performance.now() + 10_000;
    for (;;) {
      const message = (await this.messages())[this.read];
      if (message) {
        this.read += 1;
        return message.text;
      }
      if (performance.now() > end) assert.fail(`nothing came to ${this.number}`);
      await pause(10);
    }
  }

  /** The code in the next message. */
  async code(): Promise<string> {
    const text = await this.next();
    const code = /(?<![0-9])[0-9]{6}(?![0-9])/.exec(text)?.[0];
    assert.ok(code, text);
    return code;
  }

  /** How many messages came that nobody has read. */
  async unread(): Promise<number> {
    return (await this.messages()).length - this.read;
  }
}
