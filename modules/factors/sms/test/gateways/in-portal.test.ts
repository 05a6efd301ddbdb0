// Gateways behind a whole portal: what its outbox, its health and its staff have of them.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Model } from 'mongoose';
import { describeWithAuthenticator } from '../../../../../test/attacks/support/authenticator.ts';
import { assertValidHtml } from '../../../../../test/support/page-quality.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../../test/support/portal.ts';
import { staffOf } from '../../../../portal/staff/test/pages.ts';
import { driver } from '../driver.ts';
import { createSwitches } from '../../guard/switches.ts';
import { provider } from './carrying.ts';

type Provider = Awaited<ReturnType<typeof provider>>;

describeWithAuthenticator('A portal whose text messages leave by a gateway', () => {
  let gateway: Provider;
  let answer = (res: ServerResponse) => void res.writeHead(200).end();
  let portal: TestPortal;
  let environment: Record<string, string>;

  before(async () => {
    gateway = await provider((_received, res) => {
      answer(res);
    });
    environment = {
      SMS_GATEWAYS: 'http',
      SMS_HTTP_URL: gateway.url,
      SMS_HTTP_BODY: '{"to":"{to}","text":"{text}"}',
    };
    portal = await openTestPortal({ environment });
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

  it('has a process that sends nothing itself tell of a gateway that fails, and of nobody being there to send', async () => {
    const { clock, keys, database } = portal;
    const web = await openTestPortal({
      environment: { ...environment, JOBS: 'off' },
      databaseName: database.connection.name,
      ...{ clock, keys },
    });
    try {
      const master = await staffOf(portal)('master-admin');
      const there = master.clone(web.url);
      const health = async () => {
        const response = await fetch(`${web.url}/healthz/detail`);
        const { state, factors } = (await response.json()) as { state: string; factors: { sms: { detail: string } } };
        return `${state} ${factors.sms.detail}`;
      };
      answer = (res) => void res.writeHead(403).end();
      await post('+4915112345678');
      await until('the other process knows', async () =>
        /^degraded http failing since \S+: http:403$/.test(await health()),
      );
      assert.match((await there.get('/staff/factors/sms')).text, /http Fails .* http:403/);

      answer = (res) => void res.writeHead(200).end();
      clock.advance({ minutes: 1 });
      await until('it works again', async () => (await health()) === 'ok ');

      await portal.jobs.stop();
      const visitor = web.visitor();
      await signInWith(visitor, (await web.addPerson()).email);
      await driver.begin(visitor, clock.now());
      assert.match(
        await health(),
        /^degraded nobody sends text messages since \S+: is a process with JOBS=on running\?$/,
      );
      const page = await there.get('/staff/factors/sms');
      await assertValidHtml(page.html);
      assert.match(page.text, /Nobody sends text messages No process of the portal takes them up/);
    } finally {
      await web.close();
    }
  });
});
