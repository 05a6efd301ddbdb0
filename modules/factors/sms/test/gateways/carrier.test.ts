import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createNetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { carry, closeNet, listen, nobody, provider, someNumber } from './carrying.ts';

const kannel = { SMS_KANNEL_USERNAME: 'portal', SMS_KANNEL_PASSWORD: 'x', SMS_KANNEL_FROM: 'PORTAL' };
const http = { SMS_HTTP_BODY: '{"to":"{to}","text":"{text}"}' };
const patience = { allMs: 900, connectMs: 300 };

/** Two gateways: `kannel` as told, then `http`, which takes everything. */
async function two(first: string, options: Parameters<typeof carry>[1] = {}) {
  const second = await provider((_received, res) => res.writeHead(200).end('{}'));
  const carrying = await carry(
    { SMS_GATEWAYS: 'kannel,http', SMS_KANNEL_URL: first, SMS_HTTP_URL: second.url, ...kannel, ...http },
    { patience, ...options },
  );
  const stop = async () => {
    await carrying.stop();
    await second.stop();
  };
  return { ...carrying, second: second.received, stop };
}

describe('A text message goes', () => {
  it('to the next gateway when the first one can’t be reached', async () => {
    const { send, second, answers, stop } = await two(await nobody());
    assert.deepEqual(await send(), { fate: 'accepted', late: false });
    assert.equal(second.length, 1);
    assert.deepEqual(
      answers.map(({ gateway, fate }) => `${gateway} ${fate}`),
      ['kannel refused', 'http accepted'],
    );
    await stop();
  });

  it('to the next gateway when the name of the first one is not known', async () => {
    const { send, answers, stop } = await two('http://gateway.invalid/');
    assert.equal((await send()).fate, 'accepted');
    assert.match(JSON.stringify(answers[0]), /connect:E(?:NOTFOUND|AI_AGAIN)|connect:timeout/);
    await stop();
  });

  it('to the next gateway when the first one refuses', async () => {
    for (const [status, headers] of [[403], [429], [503, { 'Retry-After': '5' }]] as const) {
      const first = await provider((_received, res) => res.writeHead(status, headers).end());
      const { send, second, stop } = await two(first.url);
      assert.equal((await send()).fate, 'accepted', String(status));
      assert.equal(second.length, 1);
      await stop();
      await first.stop();
    }
  });

  it('nowhere else when the first one may have taken it', async () => {
    const answers: Parameters<typeof provider>[0][] = [
      (_received, res) => res.writeHead(500).end(),
      (_received, res) => res.writeHead(502).end(),
      (_received, res) => res.writeHead(503).end(),
      (_received, res) => res.writeHead(504).end(),
      (_received, _res, req) => req.socket.destroy(),
      (_received, _res, req) => void req.socket.resetAndDestroy(),
      (_received, res) => void res.writeHead(202).write('0: Acc'),
      () => undefined,
    ];
    for (const answer of answers) {
      const first = await provider(answer);
      const { send, second, stop } = await two(first.url);
      assert.equal((await send()).fate, 'unknown', answer.toString());
      assert.equal(first.received.length, 1);
      assert.equal(second.length, 0);
      await stop();
      await first.stop();
    }
  });

  it('to the next gateway in time when a handshake hangs, for nothing has left', async () => {
    const sockets = new Set<Socket>();
    const silent = createNetServer((socket) => sockets.add(socket.on('error', () => undefined)));
    const address = await listen(silent);
    const { send, second, answers, stop } = await two(address.replace('http:', 'https:'));
    const start = performance.now();
    assert.equal((await send()).fate, 'accepted');
    assert.ok(performance.now() - start < 600);
    assert.deepEqual(answers[0], {
      ...{ id: 'message-1', gateway: 'kannel', fate: 'refused', fault: 'connect:timeout' },
      ...{ permanent: false, unreached: true },
    });
    assert.equal(second.length, 1);
    await stop();
    await closeNet(silent, sockets);
  });

  it('to nobody whose certificate is not right', async function () {
    const folder = mkdtempSync(join(tmpdir(), 'certificate-'));
    const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') };
    try {
      const subject = ['-subj', '/CN=localhost', '-days', '2', '-nodes'];
      const form = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
      execFileSync('openssl', ['req', '-x509', ...form, ...subject, '-keyout', files.key, '-out', files.cert], {
        stdio: 'ignore',
      });
    } catch {
      process.stderr.write('openssl is not installed: no certificate to refuse\n');
      this.skip();
    }
    let asked = 0;
    const self = createTlsServer({ key: readFileSync(files.key), cert: readFileSync(files.cert) }, (_req, res) => {
      asked += 1;
      res.end();
    });
    rmSync(folder, { recursive: true });
    const { send, answers, stop } = await two((await listen(self)).replace('http://127.0.0.1', 'https://localhost'));
    assert.equal((await send()).fate, 'accepted');
    assert.match(JSON.stringify(answers[0]), /connect:DEPTH_ZERO_SELF_SIGNED_CERT/);
    assert.equal(asked, 0);
    await stop();
    self.close();
  });

  it('by the route of its country, else by that of all others', async () => {
    const first = await provider((_received, res) => res.writeHead(202).end('0: Accepted'));
    const options = { countryOf: (to: string) => (to.startsWith('+49') ? 'DE' : to.startsWith('+1') ? 'US' : null) };
    const second = await provider((_received, res) => res.writeHead(200).end());
    const carrying = await carry(
      {
        ...{ SMS_GATEWAYS: 'kannel,http', SMS_ROUTES: 'de: http; *:kannel' },
        ...{ SMS_KANNEL_URL: first.url, SMS_HTTP_URL: second.url, ...kannel, ...http },
      },
      options,
    );
    await carrying.send({ to: '+491700000000' });
    assert.deepEqual([first.received.length, second.received.length], [0, 1]);
    await carrying.send();
    await carrying.send({ to: '+883100000000' });
    assert.deepEqual([first.received.length, second.received.length], [2, 1]);
    await Promise.all([carrying.stop(), first.stop(), second.stop()]);
  });

  it('past a gateway that failed three times, for half a minute', async () => {
    const { send, answers, clock, carrier, logged, stop } = await two(await nobody());
    for (const id of ['a', 'b', 'c']) await send({ id });
    assert.equal(carrier.health()[0]?.state, 'failing');
    await send({ id: 'd' });
    clock.now += 30_001;
    await send({ id: 'e' });
    assert.deepEqual(
      answers.filter(({ gateway }) => gateway === 'kannel').map(({ id }) => id),
      ['a', 'b', 'c', 'e'],
    );
    assert.ok(!logged.join('').includes(someNumber.slice(1)));
    await stop();
  });
});

describe('A text message that was taken before a stop', () => {
  it('goes to no gateway, and waits for the stop to be over', async () => {
    const stopped = new Set<string | null>(['DE']);
    const countryOf = (to: string) => (to.startsWith('+49') ? 'DE' : null);
    const { send, second, answers, stop } = await two(await nobody(), {
      countryOf,
      isStopped: (country) => Promise.resolve(stopped.has(country)),
    });
    const german = { to: '+491700000000' };
    assert.deepEqual(await send(german), { fate: 'refused', fault: 'stopped', permanent: false });
    assert.deepEqual(answers, [], 'no gateway is said to be at fault');
    assert.equal((await send()).fate, 'accepted', 'another country');
    stopped.clear();
    assert.equal((await send(german)).fate, 'accepted');
    assert.equal(second.length, 2);
    await stop();
  });

  it('goes to no gateway either while nobody can say whether there is a stop', async () => {
    const { send, second, stop } = await two(await nobody(), {
      isStopped: () => Promise.reject(new Error('the database is down')),
    });
    await assert.rejects(send(), /database is down/);
    assert.equal(second.length, 0);
    await stop();
  });
});

describe('What becomes of a text message', () => {
  it('is refused for good only where every gateway says so', async () => {
    const first = await provider((_received, res) => res.writeHead(400).end());
    let second = 400;
    const last = await provider((_received, res) => res.writeHead(second).end());
    const carrying = await carry({
      ...{ SMS_GATEWAYS: 'kannel,http', SMS_KANNEL_URL: first.url, SMS_HTTP_URL: last.url, ...kannel, ...http },
    });
    assert.deepEqual(await carrying.send(), { fate: 'refused', fault: 'http:400', permanent: true });
    assert.equal(carrying.carrier.health()[0]?.state, 'ok', 'a wrong number is no fault of the gateway');
    second = 429;
    assert.deepEqual(await carrying.send(), { fate: 'refused', fault: 'http:429', permanent: false });
    await Promise.all([carrying.stop(), first.stop(), last.stop()]);
  });

  it('is known in time although it can’t be written down', async () => {
    const taking = await provider((_received, res) => res.writeHead(200).end());
    const carrying = await carry(
      { SMS_GATEWAYS: 'http', SMS_HTTP_URL: taking.url, ...http },
      { onAnswer: () => new Promise(() => undefined) },
    );
    assert.equal((await carrying.send()).fate, 'accepted');
    await Promise.all([carrying.stop(), taking.stop()]);
  });
});

describe('The callbacks of providers', () => {
  it('know no other gateways, take small forms only, and tell nothing of what went wrong', async () => {
    const taking = await provider((_received, res) => res.writeHead(202).end('0: Accepted'));
    const carrying = await carry(
      { SMS_GATEWAYS: 'kannel,http', SMS_KANNEL_URL: taking.url, SMS_HTTP_URL: taking.url, ...kannel, ...http },
      { onReport: () => Promise.reject(new Error('the database is down')) },
    );
    const at = async (path: string, init?: RequestInit) => {
      const response = await fetch(`${carrying.baseUrl}/callbacks/sms${path}`, init);
      assert.equal(await response.text(), '');
      return response.status;
    };
    for (const path of ['', '/', '/http', '/twilio', '/nobody', '/kannel/more', '/__proto__'])
      assert.equal(await at(path), 404, path);
    assert.equal(await at('/http', { method: 'POST', body: new URLSearchParams({ a: 'b' }) }), 404);

    await carrying.send();
    const signed = String(taking.received[0]?.headers['x-kannel-dlr-url']).split('/callbacks/sms')[1] ?? '';
    assert.equal(await at(signed.replace('%d', '1')), 503);
    assert.equal(await at('/kannel?id=1&by=2&state=1'), 403);
    assert.equal(await at('/kannel?id=1&by=2&state=1'), 403);
    assert.equal(carrying.logged.filter((line) => line.includes('not signed')).length, 1, 'one line a minute');
    await Promise.all([carrying.stop(), taking.stop()]);
  });
});
