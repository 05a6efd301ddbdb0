import assert from 'node:assert/strict';
import type { Answer } from '../../../../test/support/http.ts';
import { burst, Visitor } from '../../../../test/support/http.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import type { RunningFactor } from '../../../kernel/factor.ts';
import { freeName, maxAuthenticators } from '../set-up.ts';
import { driver, readSecret } from './driver.ts';
import { ada, FakeEngine } from './fake-host.ts';

const home = '/account/factors/totp';

describe('setting up an authenticator app', () => {
  let engine: FakeEngine;
  let visitor: Visitor;
  let running: RunningFactor;
  let close: () => void;

  beforeEach(async () => {
    engine = new FakeEngine();
    const listening = await engine.listen();
    ({ running, close } = listening);
    visitor = new Visitor(listening.url);
  });
  afterEach(() => {
    close();
  });

  const begin = async (): Promise<Answer> => visitor.follow(await visitor.submit(home));
  const confirm = (fields: Record<string, string | string[]>) =>
    visitor.submit(`${home}/confirm`, fields, { from: home });
  const phoneOf = (page: Answer) => ({ secret: readSecret(page.html) });

  it('begins with a press of a button: looking at the page changes nothing', async () => {
    const page = await visitor.get(home);
    assert.equal(page.status, 200);
    assert.deepEqual(engine.enrolments, []);
    assert.equal((await visitor.get(`${home}/qr.svg`)).status, 404);
    const answer = await visitor.submit(home);
    assert.deepEqual([answer.status, answer.location], [303, home]);
    assert.equal(engine.find('pending').length, 1);
    assert.equal(engine.audit.at(-1)?.event, 'set-up-started');
  });

  it('names the apps and the stores, and shows QR code, key, account and kind', async () => {
    const page = await begin();
    const { secret } = phoneOf(page);
    assert.match(secret, /^[A-Z2-7]{32}$/);
    for (const words of [
      'Google Authenticator',
      'Microsoft Authenticator',
      'Authy',
      'app store',
      'Google Play',
      'App Store',
      '“+”',
    ]) {
      assert.ok(page.text.includes(words), words);
    }
    assert.ok(page.text.includes(secret.replace(/.{4}(?=.)/g, '$& ')), 'the key is in groups of four');
    assert.ok(page.text.includes('ada@example.com'));
    assert.ok(page.text.includes('Time-based, 6 digits'));
    assert.match(
      page.html,
      /<img class="qr[^>]*src="\/account\/factors\/totp\/qr\.svg" width="200" height="200" alt="[^"]+"/,
    );
    assert.ok(page.html.indexOf('Open in your app') < page.html.indexOf('qr.svg'), 'the link for phones comes first');
    assert.match(page.html, /href="otpauth:\/\/totp\/Example%20Ltd:ada%40example\.com\?secret=/);
  });

  it('draws the QR code on the server, for this person alone', async () => {
    await begin();
    const picture = await visitor.get(`${home}/qr.svg`);
    assert.equal(picture.status, 200);
    assert.match(picture.headers['content-type'] ?? '', /^image\/svg\+xml/);
    assert.equal(picture.headers['cache-control'], 'no-store');
    assert.match(String(picture.headers['content-security-policy']), /sandbox/);
    assert.match(picture.html, /^<svg /);
    assert.doesNotMatch(picture.html, /script|http:(?!\/\/www\.w3\.org)/);
  });

  it('keeps the key over reloads, wrong codes and a second press of the button', async () => {
    const phone = phoneOf(await begin());
    const refused = await confirm({ code: driver.wrongCode(phone, engine.now), name: 'Work phone' });
    assert.equal(refused.status, 422);
    assert.match(refused.html, /<title>Error: /);
    assert.match(refused.html, /id="code"[^>]*aria-describedby="[^"]*code-error"[^>]*aria-invalid="true"/);
    assert.match(refused.html, /value="Work phone"/);
    await visitor.request({ method: 'POST', path: home });
    assert.deepEqual([phoneOf(refused), phoneOf(await visitor.get(home))], [phone, phone]);
    assert.equal((await confirm({ code: driver.code(phone, engine.now) })).location, '/enrolled');
  });

  it('makes a new key on request, and the old one is dead', async () => {
    const old = phoneOf(await begin());
    const page = await visitor.follow(await visitor.submit(`${home}/start-again`, {}, { from: home }));
    const fresh = phoneOf(page);
    assert.notEqual(fresh.secret, old.secret);
    assert.equal((await confirm({ code: driver.code(old, engine.now) })).status, 422);
    assert.equal((await confirm({ code: driver.code(fresh, engine.now) })).status, 303);
    assert.equal(engine.find('active').length, 1);
  });

  it('counts only after a right code, and never shows the key again', async () => {
    const phone = phoneOf(await begin());
    assert.deepEqual(engine.find('active'), []);
    assert.equal(await running.summarise(ada.id), null);
    await confirm({ code: driver.code(phone, engine.now) });
    assert.equal(engine.find('active').length, 1);
    assert.ok(!(await visitor.get(home)).html.includes(phone.secret));
    assert.equal((await visitor.get(`${home}/qr.svg`)).status, 404);
    assert.ok(!JSON.stringify([engine.audit, await running.summarise(ada.id)]).includes(phone.secret));
  });

  it('confirms once when one right code is sent twenty times at the same moment', async () => {
    const phone = phoneOf(await begin());
    const code = driver.code(phone, engine.now);
    const answers = await burst(20, () => visitor.clone().holdSubmit(`${home}/confirm`, { code }, { from: home }));
    assert.equal(answers.filter(({ location }) => location === '/enrolled').length, 1);
    assert.equal(engine.find('active').length, 1);
    for (const { status } of answers) assert.ok(status < 500);
  });

  it('is over after half an hour or when another window dropped it', async () => {
    const phone = phoneOf(await begin());
    engine.pass(1801);
    const late = await confirm({ code: driver.code(phone, engine.now) }).catch((error: unknown) => error);
    assert.ok(late instanceof Error, 'the page has no form for the code any more');
    const posted = await visitor.submit(`${home}/confirm`, { code: driver.code(phone, engine.now) }, { hidden: false });
    assert.equal(posted.status, 422);
    assert.match(posted.text, /That set-up is over/);
    assert.ok(!posted.html.includes(phone.secret));
  });

  it('can be given up', async () => {
    await begin();
    assert.equal((await visitor.submit(`${home}/cancel`, {}, { from: home })).location, '/account/security');
    assert.deepEqual(engine.enrolments, []);
  });

  it('answers anything that is no code like a wrong one, and counts it', async () => {
    const right = driver.code(phoneOf(await begin()), engine.now);
    const rubbish = ['', '12345', '1234567', 'abcdef', '１２３４５６', 'x'.repeat(10_240), [right, right]];
    for (const code of rubbish) {
      const before = engine.triesLeft;
      const answer = await confirm({ code });
      assert.equal(answer.status, 422);
      assert.match(answer.text, /That code was not right/);
      assert.equal(engine.triesLeft, before - 1);
    }
    for (const body of ['', `code[]=${right}`, 'code[$gt]=']) {
      const answer = await visitor.request({
        method: 'POST',
        path: `${home}/confirm`,
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
      assert.equal(answer.status, 422);
      assert.match(answer.text, /That code was not right/, body);
    }
    assert.deepEqual(engine.find('active'), []);
  });

  it('shows the limit of tries in the form', async () => {
    const phone = phoneOf(await begin());
    engine.triesLeft = 0;
    const answer = await confirm({ code: driver.code(phone, engine.now) });
    assert.deepEqual([answer.status, answer.headers['retry-after']], [429, '240']);
    assert.match(answer.text, /Too many tries. You can try again in 4 minutes/);
    assert.deepEqual(engine.find('active'), []);
  });

  it('hints at a phone whose clock is wrong, without accepting its code', async () => {
    const phone = phoneOf(await begin());
    for (const [seconds, words] of [
      [300, 'about 5 minutes fast'],
      [-300, 'about 5 minutes slow'],
    ] as const) {
      const answer = await confirm({ code: driver.code(phone, new Date(engine.now.getTime() + seconds * 1000)) });
      assert.equal(answer.status, 422);
      assert.ok(answer.text.includes(words), words);
    }
    assert.deepEqual(engine.find('active'), []);
  });

  it('gives each authenticator a name of its own', async () => {
    for (const name of [undefined, '', '  Authenticator ']) {
      await driver.enrol(visitor, engine.now, name);
    }
    assert.deepEqual(
      engine.find('active').map(({ name }) => name),
      ['Authenticator app', 'Authenticator app 2', 'Authenticator'],
    );
    assert.equal(freeName('phone', [{ name: 'Phone' }, { name: 'phone 2' }]), 'phone 3');
    assert.equal(freeName('x'.repeat(60), [{ name: 'x'.repeat(60) }]), `${'x'.repeat(58)} 2`);
  });

  it('says that it is another one, and stops at as many as may be', async () => {
    await driver.enrol(visitor, engine.now);
    assert.match((await begin()).html, /<h1>Set up another authenticator app<\/h1>/);
    while (engine.find('active').length < maxAuthenticators) await driver.enrol(visitor, engine.now);
    const full = await visitor.get(home);
    assert.equal(full.forms.filter(({ action }) => action.startsWith(home)).length, 0);
    const forced = await visitor.submit(home, {}, { hidden: false });
    assert.equal(forced.status, 422);
    assert.deepEqual(engine.find('pending'), []);
    assert.deepEqual(await running.summarise(ada.id), {
      key: 'totp.summary.many',
      params: { count: maxAuthenticators },
    });
  });

  it('refuses a name that nobody could read, before the code is used', async () => {
    const phone = phoneOf(await begin());
    const code = driver.code(phone, engine.now);
    for (const name of ['x'.repeat(61), 'a\u0000b', 'a\u202eb', ['Phone', 'Tablet']]) {
      const answer = await confirm({ code, name });
      assert.equal(answer.status, 422);
      assert.match(answer.html, /id="name-error"/);
    }
    await confirm({ code, name: ' <script>"&' });
    assert.equal(engine.find('active')[0]?.name, '<script>"&');
  });

  it('does not show a key that cannot be opened, and lets one start again', async () => {
    const phone = phoneOf(await begin());
    const [pending] = engine.find('pending');
    assert.ok(pending);
    pending.state.sealedSecret = 'sealed:rubbish';
    const page = await visitor.get(home);
    assert.equal(page.status, 200);
    assert.equal((await visitor.get(`${home}/qr.svg`)).status, 404);
    assert.equal(engine.audit.at(-1)?.event, 'secret-unreadable');
    assert.notEqual(phoneOf(await begin()).secret, phone.secret);
  });

  it('has a different secret for everybody who sets it up', async () => {
    const secrets = new Set<string>();
    for (let count = 0; count < 20; count += 1) {
      secrets.add(
        phoneOf(await visitor.follow(await visitor.submit(`${home}/start-again`, {}, { hidden: false }))).secret,
      );
    }
    assert.equal(secrets.size, 20);
  });

  it('has pages that are valid HTML with one heading', async () => {
    const empty = await visitor.get(home);
    const page = await begin();
    const refused = await confirm({ code: '1', name: 'Phone' });
    for (const { html } of [empty, page, refused]) {
      await assertValidHtml(html);
      assert.equal(html.match(/<h1/g)?.length, 1);
      assert.doesNotMatch(html, / style=|<script>|\son[a-z]+=/);
    }
  });
});
