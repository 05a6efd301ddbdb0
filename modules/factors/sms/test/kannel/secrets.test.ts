// SMS-10: where a code, a number or the gateway's password must not be, after everything that happens to messages has happened.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Visitor, type Answer } from '../../../../../test/support/http.ts';
import { signInWith, type TestPortal } from '../../../../../test/support/portal.ts';
import { until } from '../../../../../test/support/smtp-sink.ts';
import { staffOf } from '../../../../portal/staff/test/pages.ts';
import { anotherCode, challenge, give, security, setUp } from '../people.ts';
import { describeWithKannel, Handset, openPortalAt } from './ground.ts';
import { askForCodeTo, pressAgain } from './people.ts';

/** A browser that remembers every address it went to or was sent to, and every page it saw. */
class Witness extends Visitor {
  readonly addresses: string[] = [];
  readonly pages: string[] = [];

  override async request(request: Parameters<Visitor['request']>[0]): Promise<Answer> {
    const answer = await super.request(request);
    this.addresses.push(request.path, answer.location ?? '');
    this.pages.push(answer.html);
    return answer;
  }
}

/** Stands between the portal and Kannel, and reads along. */
async function tap(target: string): Promise<{ url: string; requests(): string[]; close(): void }> {
  const { port, pathname } = new URL(target);
  const heard: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((from) => {
    const chunks: Buffer[] = [];
    heard.push(chunks);
    const to = connect(Number(port), '127.0.0.1');
    for (const [socket, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy()).on('close', () => other.destroy());
    }
    from.on('data', (chunk: Buffer) => chunks.push(chunk)).pipe(to);
    to.pipe(from);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}${pathname}`,
    requests: () => heard.map((chunks) => Buffer.concat(chunks).toString('utf8')),
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

describeWithKannel(
  'Codes, numbers and the gateway’s password',
  (kannel) => {
    let portal: TestPortal;
    let between: Awaited<ReturnType<typeof tap>>;
    let old: Handset;
    let fresh: Handset;
    const codes: string[] = [];
    const staffPages: string[] = [];
    let browser: Witness;
    /** Pages from here on are those after the set-up. */
    let setUpPages = 0;

    const codeTo = async (handset: Handset) => {
      codes.push(await handset.code());
      return codes.at(-1) ?? '';
    };

    before(async () => {
      between = await tap(kannel().url);
      portal = await openPortalAt(kannel(), { environment: { SMS_KANNEL_URL: between.url } });
      [old, fresh] = [new Handset(kannel()), new Handset(kannel())];
      const ada = await portal.addPerson();
      browser = new Witness(portal.url);
      await signInWith(browser, ada.email);
      await askForCodeTo(browser, old.number);
      await browser.submit(`${setUp}/confirm`, { code: await codeTo(old) }, { from: setUp });
      setUpPages = browser.pages.length;

      portal.clock.advance({ minutes: 2 });
      await browser.submit('/sign-out', {}, { from: security });
      await signInWith(browser, ada.email);
      await give(browser, anotherCode(await codeTo(old)));
      await kannel().kill();
      portal.clock.advance({ minutes: 1 });
      // With something in between, the portal can't know whether Kannel has it.
      assert.match((await pressAgain(browser)).text, /We could not find out/);
      portal.clock.advance({ minutes: 3 });
      await kannel().startAgain({ password: 'another' });
      await pressAgain(browser);
      await kannel().startAgain({ deniedPrefix: old.number });
      await pressAgain(browser);
      await kannel().startAgain();
      await kannel().plugOut();
      await pressAgain(browser);
      await kannel().plugIn();
      await give(browser, await codeTo(old));
      assert.equal((await browser.get(security)).status, 200);
      await browser.submit(`${setUp}/change`, {}, { from: `${setUp}/change` });
      await askForCodeTo(browser, fresh.number);
      await browser.submit(`${setUp}/confirm`, { code: await codeTo(fresh) }, { from: setUp });
      await old.next();
      await browser.get(security);

      const admin = await staffOf(portal)('admin');
      for (const path of [
        '/staff/factors/sms',
        '/staff/factors/sms/messages',
        `/staff/contacts/${ada.id}`,
        '/staff/audit',
      ]) {
        const page = await admin.get(path);
        assert.equal(page.status, 200, path);
        staffPages.push(page.html);
      }
      const delivered = { state: 'delivered' };
      await until(
        'reports came',
        async () => (await portal.database.connection.collection('factor.sms.messages').countDocuments(delivered)) >= 4,
      );
    });
    after(async () => {
      await (portal as TestPortal | undefined)?.close();
      (between as typeof between | undefined)?.close();
    });

    /** None of the secrets, however a number is written. */
    function assertClean(text: string, what: string): void {
      for (const code of codes)
        assert.doesNotMatch(text, new RegExp(`(?<![\\w.-])${code}(?![\\w-])`), `${what}: a code`);
      for (const { number } of [old, fresh]) {
        const digits = text.replace(/(?<=\d)[ ()/-](?=\d)/g, '');
        assert.ok(!digits.includes(number.slice(3)), `${what}: a number`);
      }
      assert.ok(!text.includes(kannel().password), `${what}: the password`);
    }

    it('all went their way: the test has something to look for', async () => {
      assert.equal(codes.length, 4);
      assert.equal(new Set(codes).size, 4);
      const sent = between.requests().join('');
      for (const code of codes) assert.ok(sent.includes(code));
      const faults = await portal.database.connection.collection('factor.sms.messages').distinct('fault');
      assert.match(faults.map(String).sort().join(), /^http:400,http:403,lost:\w+,null$/);
    });

    it('are in no line of the log', () => {
      assert.ok(portal.logLines().length > 30);
      assertClean(portal.logLines().join('\n'), 'log');
    });

    it('are in no row of the audit', async () => {
      const rows = await portal.database.connection.collection('auditEvents').find().toArray();
      assert.ok(rows.filter(({ event }) => /^sms\.(?:sent|not-sent)$/.test(String(event))).length >= 7);
      assertClean(JSON.stringify(rows), 'audit');
    });

    it('are on no page after the set-up, neither the person’s nor staff’s', () => {
      const pages = browser.pages.slice(setUpPages);
      assert.ok(pages.some((html) => html.includes(`+49******${old.number.slice(-2)}`)));
      for (const html of [...pages, ...staffPages]) assertClean(html, html.slice(0, 2000));
    });

    it('are in no address of the portal', () => {
      assert.ok(browser.addresses.includes(challenge));
      assertClean(browser.addresses.join('\n'), 'addresses');
    });

    it('are in no address that Kannel is asked at, nor in one that it calls', async () => {
      const requests = between.requests().filter((request) => request !== '');
      assert.ok(requests.length >= 7);
      for (const request of requests) assert.equal(request.split('\r\n')[0], 'POST /cgi-bin/sendsms HTTP/1.1');
      const { smsbox, access } = await kannel().logs();
      assert.match(access, /send-SMS request added/, 'it is this Kannel that wrote it');
      const asked = [...smsbox.matchAll(/Got HTTP request <([^>]*)>/g)].map(([, address]) => address);
      assert.deepEqual([...new Set(asked)], ['/cgi-bin/sendsms']);
      const called = [...smsbox.matchAll(/Parsing URL `([^']*)'/g)].map(([, address = '']) => address);
      assert.ok(called.length >= 8, String(called.length));
      for (const address of called)
        assert.match(address, /^http:\/\/127\.0\.0\.1:\d+\/callbacks\/sms\/kannel\?id=[\w-]+&by=[\w-]+&state=\d+$/);
      assertClean(called.join('\n'), 'reports');
    });
  },
  { verbose: true },
);
