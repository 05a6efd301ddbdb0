import assert from 'node:assert/strict';
import { carry, provider, someNumber, someText, type Carrying } from './carrying.ts';
import { kannelMissing, startKannel, type KannelProcess } from './kannel-process.ts';

const account = { SMS_GATEWAYS: 'kannel', SMS_KANNEL_USERNAME: 'portal', SMS_KANNEL_FROM: 'PORTAL' };

describe('The gateway for Kannel, with a real one', function () {
  let kannel: KannelProcess;
  const opened: Carrying[] = [];

  async function open(password = 'portalpw'): Promise<Carrying> {
    const one = await carry({ ...account, SMS_KANNEL_URL: kannel.url, SMS_KANNEL_PASSWORD: password });
    opened.push(one);
    return one;
  }

  before(async function () {
    if (kannelMissing !== null) {
      process.stderr.write(`${kannelMissing}\n`);
      this.skip();
    }
    kannel = await startKannel();
  });
  afterEach(() => Promise.all(opened.splice(0).map((one) => one.stop())));
  after(() => (kannel as KannelProcess | undefined)?.stop());

  it('hands a text over, and hears that it was delivered', async () => {
    const { send, reports, answers } = await open();
    const text = 'Grüße: 402917 @portal.example {50 %} €';
    assert.deepEqual(await send({ text }), { fate: 'accepted', late: false });
    assert.deepEqual((await kannel.waitFor(1)).at(-1), { from: 'PORTAL', to: someNumber, text });
    await holds(() => reports.length > 0);
    assert.deepEqual(reports, [{ message: { id: 'message-1' }, state: 'delivered' }]);
    assert.equal(answers.length, 1);
  });

  it('hands over what is not in the alphabet of phones', async () => {
    const { send } = await open();
    const before = (await kannel.delivered()).length;
    await send({ text: 'Код 402917 – „ja“' });
    assert.equal((await kannel.waitFor(before + 1)).at(-1)?.text, 'Код 402917 – „ja“');
  });

  it('says that a message is late while the network is unplugged, and it arrives once, after that', async () => {
    const { send, reports, carrier } = await open();
    const before = (await kannel.delivered()).length;
    await kannel.plugOut();
    assert.deepEqual(await send({ text: 'waits' }), { fate: 'accepted', late: true });
    assert.equal(carrier.health()[0]?.state, 'queueing');
    assert.equal((await kannel.delivered()).length, before);
    await kannel.plugIn();
    assert.equal((await kannel.waitFor(before + 1)).at(-1)?.text, 'waits');
    await holds(() => reports.some(({ state }) => state === 'delivered'));
    assert.equal((await kannel.delivered()).length, before + 1);
  });

  it('says that nobody knows, within four and a half seconds, when Kannel is frozen', async () => {
    const { send } = await open();
    const before = (await kannel.delivered()).length;
    kannel.freeze();
    const start = performance.now();
    assert.deepEqual(await send({ text: 'frozen' }), { fate: 'unknown', fault: 'lost:timeout' });
    const took = performance.now() - start;
    assert.ok(took < 4500, `${String(took)} ms`);
    kannel.thaw();
    // Whether it was taken is Kannel's secret, and why nobody sends it again by itself: twice it must not be there.
    await send({ id: 'message-2', text: 'thawed' });
    await holds(async () => (await kannel.delivered()).some(({ text }) => text === 'thawed'));
    const arrived = (await kannel.delivered()).slice(before).filter(({ text }) => text === 'frozen');
    assert.ok(arrived.length <= 1);
  });

  it('tells a wrong password from a wrong message', async () => {
    const { send, carrier, logged } = await open('wrong');
    assert.deepEqual(await send(), { fate: 'refused', fault: 'http:403', permanent: false });
    assert.equal(carrier.health()[0]?.state, 'failing');
    assert.ok(!/wrong|12025550123|402917/.test(logged.join('\n')), logged.join('\n'));
  });

  it('never lets two numbers leave in one field', async () => {
    const { send, answers } = await open();
    const before = (await kannel.delivered()).length;
    for (const to of ['', `${someNumber} +449999999999`, `${someNumber}\r\nX-Kannel-To: +449999999999`, '12025550123'])
      assert.deepEqual(await send({ to }), { fate: 'refused', fault: 'number', permanent: true });
    assert.deepEqual(answers, []);
    assert.equal((await kannel.delivered()).length, before);
  });

  it('takes what Kannel itself refuses as refused for good', async () => {
    // The carrier lets no message without a receiver leave: what Kannel says to one is asked for directly.
    const response = await fetch(kannel.url, {
      method: 'POST',
      headers: { 'Content-Type': 'text/plain', 'X-Kannel-Username': 'portal', 'X-Kannel-Password': 'portalpw' },
      body: 'nobody to send it to',
    });
    assert.equal(response.status, 400);
    const strict = await provider((_received, res) => res.writeHead(response.status).end('Missing receiver number'));
    const carrying = await carry({ ...account, SMS_KANNEL_URL: strict.url, SMS_KANNEL_PASSWORD: 'portalpw' });
    assert.deepEqual(await carrying.send(), { fate: 'refused', fault: 'http:400', permanent: true });
    await carrying.stop();
    await strict.stop();
  });

  it('says at once that nobody has it when Kannel is gone', async () => {
    const { send } = await open();
    await kannel.kill();
    const start = performance.now();
    assert.deepEqual(await send(), { fate: 'refused', fault: 'connect:ECONNREFUSED', permanent: false });
    assert.ok(performance.now() - start < 500);
  });
});

describe('The gateway for Kannel', () => {
  it('puts no password, number or text into an address, and asks for a report that only Kannel can send', async () => {
    const server = await provider((_received, res) => res.writeHead(202).end('0: Accepted for delivery'));
    const carrying = await carry({
      ...account,
      SMS_KANNEL_URL: `${server.url}/send`,
      SMS_KANNEL_PASSWORD: 'pass word',
    });
    await carrying.send({ until: new Date(carrying.clock.now + 290_000) });
    const [{ path, headers, body } = assert.fail()] = server.received;
    assert.equal(path, '/send');
    assert.equal(body, someText);
    assert.equal(headers['x-kannel-to'], someNumber);
    assert.equal(headers['x-kannel-validity'], '5');
    const report = String(headers['x-kannel-dlr-url']);
    assert.ok(report.startsWith(`${carrying.baseUrl}/callbacks/sms/kannel?id=message-1&by=`), report);
    assert.ok(!report.includes('2025550123') && !report.includes('402917') && !report.includes('pass'));

    const call = async (address: string) => (await fetch(address)).status;
    assert.equal(await call(report.replace('%d', '1')), 204);
    assert.deepEqual(carrying.reports, [{ message: { id: 'message-1' }, state: 'delivered' }]);
    assert.equal(await call(report.replace('%d', '16')), 204);
    assert.equal(await call(report.replace('%d', '8')), 204, 'on its way: nothing to note');
    assert.equal(carrying.reports.length, 2);
    assert.equal(await call(report.replace('message-1', 'message-2').replace('%d', '1')), 403);
    assert.equal(await call(report.replace(/by=[^&]*/, 'by=').replace('%d', '1')), 403);
    assert.equal(await call(`${carrying.baseUrl}/callbacks/sms/kannel`), 403);
    assert.equal(await call(`${carrying.baseUrl}/callbacks/sms/kannel?id=a&id=b&by=c&state=1`), 403);
    assert.equal(carrying.reports.length, 2);
    await carrying.stop();
    await server.stop();
  });

  it('knows Kannel’s own words for what it has not taken', async () => {
    let answer: [number, string] = [503, 'Temporal failure, try again later.'];
    const server = await provider((_received, res) => res.writeHead(answer[0]).end(answer[1]));
    const carrying = await carry({ ...account, SMS_KANNEL_URL: server.url, SMS_KANNEL_PASSWORD: 'x' });
    assert.deepEqual(await carrying.send(), { fate: 'refused', fault: 'kannel:busy', permanent: false });
    answer = [403, 'Not routable. Do not try again.'];
    assert.deepEqual(await carrying.send(), { fate: 'refused', fault: 'kannel:not-routable', permanent: true });
    answer = [202, 'what is this'];
    assert.deepEqual(await carrying.send(), { fate: 'unknown', fault: 'kannel:answer' });
    await carrying.stop();
    await server.stop();
  });
});

async function holds(what: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 5000;
  while (!(await what())) {
    if (performance.now() > end) assert.fail('it did not come to that in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
