import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { makeKeys } from '../../modules/platform/keys.ts';
import { startProcess, type RunningProcess } from '../support/processes.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { freePort } from './free-port.ts';
import { host, nginxIsInstalled, startNginx, Tap, type NginxSite, type Reply } from './nginx-site.ts';

const example = parseEnv(readFileSync(new URL('../../docs/ops/gatehouse.env', import.meta.url), 'utf8'));
const form = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' };
const guards = [
  'content-security-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'referrer-policy',
  'strict-transport-security',
  'x-content-type-options',
  'x-frame-options',
];

describe('The nginx site of docs/ops, before a portal with the settings of docs/ops (where nginx is installed)', function () {
  this.timeout(60_000);
  let folder: string;
  let portal: RunningProcess | undefined;
  let nginx: NginxSite | undefined;
  let tap: Tap;
  let setUpToken: string;
  let stalled: Promise<number>;

  before(async function () {
    if (!nginxIsInstalled()) this.skip();
    folder = makeTemporaryFolder('nginx');
    makeKeys(join(folder, 'keys'));
    const port = await freePort();
    const env = { ...example, DATA_DIR: join(folder, 'data'), KEYS_DIR: join(folder, 'keys'), PORT: String(port) };
    portal = startProcess('server.ts', [], { env });
    tap = new Tap(port);
    nginx = await startNginx(folder, await tap.listen());
    stalled = nginx.stall();
    [, setUpToken = ''] = await portal.line(/https:\/\/portal\.example\.com\/set-up\/(\S+)$/);
  });
  after(async () => {
    await nginx?.stop();
    if (portal) {
      tap.close();
      await portal.stop();
      removeTemporaryFolder(folder);
    }
  });

  const ask: NginxSite['ask'] = (path, question) => {
    assert.ok(nginx);
    return nginx.ask(path, question);
  };

  /** Many requests, fewer at a time than the limit of connections: 40. */
  async function flood(count: number, ...question: Parameters<typeof ask>): Promise<Reply[]> {
    const replies: Reply[] = [];
    for (let left = count; left > 0; left -= 40)
      replies.push(...(await Promise.all(Array.from({ length: Math.min(left, 40) }, () => ask(...question)))));
    return replies;
  }

  it('overwrites what a client says about where it comes from', async () => {
    const spoofed = {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-port': '81',
      forwarded: 'for=203.0.113.9;proto=http;host=evil.example',
      'x-real-ip': '203.0.113.9',
    };
    const answer = await ask('/sign-in', { method: 'POST', body: 'email=a', headers: { ...form, ...spoofed } });
    assert.equal(answer.status, 403, 'a form without its token');
    const seen = tap.lastHeaders();
    assert.equal(seen.get('x-forwarded-for'), '127.0.0.1');
    assert.equal(seen.get('x-forwarded-proto'), 'https');
    assert.equal(seen.get('x-forwarded-host'), host);
    assert.equal(seen.get('host'), host);
    for (const name of ['x-forwarded-port', 'forwarded', 'x-real-ip']) assert.equal(seen.get(name), undefined, name);
    assert.doesNotMatch(tap.requests.at(-1) ?? '', /203\.0\.113|evil/);
    const line = await portal?.line(/^.*"msg":"csrf\.refused".*$/);
    assert.match(line?.[0] ?? '', /"address":"127\.0\.0\.1"/);
    assert.doesNotMatch(portal?.output() ?? '', /203\.0\.113\.9/);
  });

  it('hands the portal’s headers on as they are, and gives them to its own pages', async () => {
    const page = await ask('/sign-in', { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(page.status, 200);
    for (const name of guards) assert.equal(page.names.filter((one) => one === name).length, 1, name);
    assert.match(String(page.headers['content-security-policy']), /script-src 'self'/);
    assert.equal(page.headers['content-encoding'], undefined, 'not compressed');
    assert.equal(page.headers.server, 'nginx', 'without a version');

    const own = await ask('/sign-in', { method: 'POST', headers: form, body: 'a'.repeat(16_385) });
    assert.equal(own.status, 413);
    const broken = await ask('/sign-in', { headers: { 'x-long': 'a'.repeat(9000) } });
    assert.equal(broken.status, 400);
    for (const { names, headers } of [own, broken]) {
      for (const name of guards) assert.equal(names.filter((one) => one === name).length, 1, name);
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['strict-transport-security'], page.headers['strict-transport-security']);
    }
  });

  it('lets a form of 16 kB through, and none that is larger', async () => {
    const before = tap.requests.length;
    assert.equal((await ask('/sign-in', { method: 'POST', headers: form, body: 'a'.repeat(16_384) })).status, 403);
    assert.equal((await ask('/sign-in', { method: 'POST', headers: form, body: 'a'.repeat(16_385) })).status, 413);
    assert.equal(tap.requests.length, before + 1);
  });

  it('answers one name only, over TLS 1.2 and 1.3 with AEAD only, and leads plain http there', async () => {
    const before = tap.requests.length;
    await assert.rejects(ask('/', { headers: { host: 'evil.example' } }), /hang up|ECONNRESET/);
    await assert.rejects(ask('/', { plain: true, headers: { host: 'evil.example' } }), /hang up|ECONNRESET/);
    for (const servername of ['evil.example', ''])
      await assert.rejects(ask('/', { tls: { servername } }), /unrecognized name/i);
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    await assert.rejects(ask('/healthz', { tls: old }), /alert protocol version/i);
    const cbc = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA' } as const;
    await assert.rejects(ask('/healthz', { tls: cbc }), /handshake failure/i);
    assert.equal(tap.requests.length, before, 'none of these came to the portal');
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
      assert.equal((await ask('/healthz', { tls: { maxVersion: version, minVersion: version } })).body, 'ok');
    const plain = await ask('/sign-in?next=1', { plain: true });
    assert.deepEqual([plain.status, plain.headers.location], [301, `https://${host}/sign-in?next=1`]);
  });

  it('writes neither tokens nor queries into its logs, also while the portal is away', async () => {
    const token = 'Zq3-short_token';
    const links = ['set-up', 'invitation', 'reset-password', 'email', 'unlock'].map((page) => `/${page}/${token}`);
    const asked = [
      `/set-up/${setUpToken}`,
      ...links,
      `/anything/else/${setUpToken}/confirm`,
      `/%73et-up/${setUpToken}`,
      `/sign-in?token=${token}`,
    ];
    const first = await ask(`/set-up/${setUpToken}`, { headers: { referer: `https://${host}/set-up/${setUpToken}` } });
    assert.equal(first.status, 303, 'the link is right');
    for (const path of asked) await ask(path);
    await ask(`/set-up/${setUpToken}`, { plain: true });
    tap.close();
    const away = await ask(`/reset-password/${token}`, { headers: { referer: `https://${host}/unlock/${token}` } });
    assert.deepEqual([away.status, away.headers['retry-after']], [503, '60']);
    assert.match(away.body, /not available at the moment/);
    for (const name of guards) assert.equal(away.names.filter((one) => one === name).length, 1, name);

    const logs = nginx?.logs() ?? '';
    assert.ok(!logs.includes(token) && !logs.includes(setUpToken), logs);
    const paths = logs.split('\n').flatMap((line) => (line ? [(JSON.parse(line) as { path: string }).path] : []));
    for (const { length, 0: page } of links.map((link) => link.split(token)))
      assert.ok(length === 2 && paths.includes(`${page}[cut]`), page);
    assert.ok(paths.includes('/anything/else/[cut]') && paths.includes('/sign-in'), logs);
  });

  it('answers 429 to a flood of forms and to a flood of requests', async () => {
    const forms = await flood(80, '/sign-in', { method: 'POST', headers: form, body: 'email=a' });
    const [slow, ...others] = forms.filter(({ status }) => status === 429);
    assert.ok(slow && others.length >= 10, `${String(others.length)} of 80`);
    assert.equal(slow.headers['retry-after'], '60');
    assert.match(slow.body, /Wait a minute/);
    for (const name of guards) assert.equal(slow.names.filter((one) => one === name).length, 1, name);
    assert.notEqual((await ask('/sign-in')).status, 429, 'pages are still shown');
    const pages = await flood(300, '/robots.txt');
    assert.ok(pages.some(({ status }) => status === 429));
  });

  it('ends a connection that does not get on with its headers', async () => {
    const seconds = await stalled;
    assert.ok(seconds > 4 && seconds < 20, `after ${String(seconds)} s`);
  });
});
