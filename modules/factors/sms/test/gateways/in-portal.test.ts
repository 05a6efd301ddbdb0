// Gateways behind a whole portal: what its outbox, its health and its staff have of them.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Model } from 'mongoose';
import { openTestPortal, type TestPortal } from '../../../../../test/support/portal.ts';
import { createSwitches } from '../../guard/switches.ts';
import { provider } from './carrying.ts';

type Provider = Awaited<ReturnType<typeof provider>>;

describe('A portal whose text messages leave by a gateway', () => {
  let gateway: Provider;
  let answer = (res: ServerResponse) => void res.writeHead(200).end();
  let portal: TestPortal;

  before(async () => {
    gateway = await provider((_received, res) => {
      answer(res);
    });
    portal = await openTestPortal({
      environment: { SMS_GATEWAYS: 'http', SMS_HTTP_URL: gateway.url, SMS_HTTP_BODY: '{"to":"{to}","text":"{text}"}' },
    });
  });
  after(async () => {
    await portal.close();
    await gateway.stop();
  });
  beforeEach(() => {
    answer = (res) => void res.writeHead(200).end();
    gateway.received.length = 0;
    portal.clock.advance({ hours: 1 });
  });

  const post = (to: string) =>
    portal.outbox.enqueue({ channel: 'text', kind: 'notice', to, subject: '', text: 'Hello', html: null });

  async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
    const end = performance.now() + 8000;
    while (!(await isSo())) {
      if (performance.now() > end) assert.fail(`never: ${what}`);
      await pause(10);
    }
  }

  it('holds back what is queued while staff have stopped it, and sends it once they resume', async () => {
    const switches = createSwitches({
      model: <Row>(name: string) => portal.database.connection.model(`Factor:sms:${name}`) as unknown as Model<Row>,
      now: () => portal.clock.now(),
    });
    await switches.stop({ country: 'DE', why: 'staff', by: 'helen', reason: 'Odd' });
    const id = await post('+4915112345678');
    await until('it was held back', async () => (await portal.outbox.find(id))?.lastFault === 'stopped');
    await post('+33612345678');
    await until('another country’s left', () => gateway.received.length === 1);
    await switches.resume({ country: 'DE', by: 'helen', reason: 'Fine' });
    portal.clock.advance({ minutes: 1 });
    await until('it left', async () => (await portal.outbox.find(id))?.state === 'sent');
    assert.deepEqual(
      gateway.received.map(({ body }) => body),
      ['{"to":"+33612345678","text":"Hello"}', '{"to":"+4915112345678","text":"Hello"}'],
    );
  });
});
