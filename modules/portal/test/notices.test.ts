import assert from 'node:assert/strict';
import { exactTime } from '../../platform/i18n.ts';
import { anyDriver } from '../../../test/support/driver.ts';
import { assertValidHtml } from '../../../test/support/page-quality.ts';
import { openTestPortal, signInWith, withPortal, noDevOutbox, type TestPortal } from '../../../test/support/portal.ts';

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const newerFirefox = firefox.replaceAll('140.0', '141.0');
const phone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

describe('People are told by mail', () => {
  let portal: TestPortal;
  beforeEach(async () => {
    portal = await openTestPortal({ environment: { SITE_NAME: 'Harbour & Sons' } });
  });
  afterEach(() => portal.close());

  const subjects = async () => (await portal.mails()).map(({ subject }) => subject);
  const browser = (userAgent: string) => {
    const visitor = portal.visitor();
    visitor.headers['user-agent'] = userAgent;
    return visitor;
  };

  it('once, in two parts, that a factor was set up: what, when, from where and what to do, and no secret', async function () {
    const driver = await anyDriver(this);
    const ada = await portal.addPerson();
    const visitor = browser(firefox);
    await visitor.follow(await signInWith(visitor, ada.email));
    const enrolled = await driver.enrol(visitor, portal.clock.now());
    const [mail, ...more] = await portal.mails();
    assert.ok(mail);
    assert.deepEqual(more, []);
    assert.equal(mail.channel, 'mail');
    assert.equal(mail.to, ada.email);
    assert.match(mail.subject, /^Harbour & Sons: .+ was set up$/);
    const when = exactTime(portal.clock.now(), { lang: 'en', timeZone: 'UTC' });
    for (const part of [mail.text, mail.html ?? '']) {
      for (const words of [
        when,
        'Firefox, Linux',
        '127.0.0.1',
        'there is nothing to do. If not:',
        `${portal.url}/account/security`,
      ])
        assert.ok(part.includes(words), `${words} in ${part}`);
      assert.ok(
        !part.includes(enrolled.secret) && !/otpauth|token=|<img|<script|https?:\/\/(?!127\.0\.0\.1)/.test(part),
      );
    }
    assert.ok(mail.text.includes('Harbour & Sons'), 'plain text is not escaped');
    assert.ok(!/<[a-z]/.test(mail.text));
    assert.ok(mail.html?.includes('Harbour &amp; Sons'));
  });

  it('that a factor was removed', async function () {
    const driver = await anyDriver(this);
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    await visitor.follow(await signInWith(visitor, ada.email));
    const enrolled = await driver.enrol(visitor, portal.clock.now());
    portal.clock.advance({ seconds: 30 });
    const security = await visitor.get('/account/security');
    const [, remove = ''] = /href="(\/account\/enrolments\/[0-9a-f]{24}\/remove)"/.exec(security.html) ?? [];
    await visitor.submit(remove, { code: driver.code(enrolled, portal.clock.now()) });
    assert.match((await subjects())[0] ?? '', /was removed$/);
    assert.equal((await subjects()).length, 2);
  });

  it('that a factor is locked, once, and whom to ask', async function () {
    const driver = await anyDriver(this);
    const ada = await portal.addPerson();
    const who = {
      event: 'factor.locked',
      outcome: 'failure' as const,
      factor: driver.id,
      target: { kind: 'person' as const, id: ada.id },
    };
    await portal.audit.record({ ...who, actor: { kind: 'person', id: ada.id } });
    const [mail] = await portal.mails();
    assert.match(mail?.subject ?? '', /was locked$/);
    assert.match(mail?.text ?? '', /tell the people who run this portal/);
  });

  it('that their password was changed', async () => {
    const short = 'glowing7kettles'.slice(0, 12);
    const ada = await portal.addPerson({ password: await portal.hasher.hash(short), passwordShort: true });
    const visitor = portal.visitor();
    await visitor.follow(await signInWith(visitor, ada.email, short));
    const chosen = 'a much longer set of words';
    await visitor.submit('/sign-in/new-password', { newPassword: chosen }, { from: '/sign-in/new-password' });
    const [mail, ...more] = await portal.mails();
    assert.match(mail?.subject ?? '', /Your password was changed$/);
    assert.deepEqual(more, []);
    assert.ok(!JSON.stringify(mail).includes(chosen));
  });

  it('of a sign-in from a device not seen before: not at the very first, and not for a newer browser on it', async () => {
    const ada = await portal.addPerson();
    for (const [userAgent, mails] of [
      [firefox, 0],
      [newerFirefox, 0],
      [phone, 1],
      [phone, 1],
      [firefox, 1],
    ] as const) {
      portal.clock.advance({ minutes: 1 });
      const visitor = browser(userAgent);
      await visitor.follow(await signInWith(visitor, ada.email));
      assert.equal((await portal.mails()).length, mails, userAgent);
    }
    const [mail] = await portal.mails();
    assert.match(mail?.subject ?? '', /You signed in from a new device$/);
    assert.match(mail?.text ?? '', /Safari, iOS/);
  });

  it('nothing about wrong passwords until the tries are used up, and then once: a stranger could fill a mailbox', async () => {
    const ada = await portal.addPerson();
    const fail = async (times: number) => {
      for (let count = 0; count < times; count += 1)
        await signInWith(portal.visitor(), ada.email, 'not the password at all');
      return subjects();
    };
    assert.deepEqual(await fail(10), []);
    assert.deepEqual(await fail(10), ['Harbour & Sons: Too many wrong passwords']);
  });

  it('and whoever cannot be mailed still gets in', async () => {
    const ada = await portal.addPerson();
    const visitor = browser(firefox);
    await visitor.follow(await signInWith(visitor, ada.email));
    await portal.database.connection.collection('people').updateOne({}, { $set: { email: 'no address' } });
    const other = browser(phone);
    assert.equal((await other.follow(await signInWith(other, ada.email))).url.pathname, '/home');
    assert.ok(portal.logLines().some((line) => line.includes('a listener of the audit failed')));
  });
});

describe('The page of messages that were not sent', () => {
  const secret = 'https://portal.example/reset/abc?x=1&y=2';
  const enqueue = (portal: TestPortal) =>
    portal.outbox.enqueue({
      channel: 'mail',
      kind: 'test',
      to: 'ada@example.com',
      subject: 'Portal: <b>',
      text: `Go: ${secret}\n`,
      html: '<p>Go</p>',
    });

  it('shows them to the machine itself, newest first, and gives them as JSON', async () => {
    await withPortal(async (portal) => {
      await enqueue(portal);
      portal.clock.advance({ seconds: 1 });
      await portal.outbox.enqueue({
        channel: 'text',
        kind: 'test',
        to: '+4930123456',
        subject: '',
        text: '123 456',
        html: null,
      });
      const page = await portal.visitor().get('/dev/outbox');
      assert.equal(page.status, 200);
      await assertValidHtml(page.html, page.url.href);
      assert.match(page.html, /href="https:\/\/portal\.example\/reset\/abc\?x=1&amp;y=2"/);
      assert.ok(!page.html.includes('Portal: <b>') && page.text.indexOf('123 456') < page.text.indexOf('Go:'));
      const json = await portal.visitor().get('/dev/outbox.json');
      const [text, mail] = JSON.parse(json.html) as Record<string, string | null>[];
      assert.deepEqual(Object.keys(mail ?? {}).sort(), ['at', 'channel', 'html', 'id', 'subject', 'text', 'to']);
      assert.equal(text?.['channel'], 'text');
      assert.equal(mail?.['text'], `Go: ${secret}\n`);
      assert.ok(!Number.isNaN(Date.parse(mail['at'] ?? '')));
      assert.equal(json.headers['cache-control'], 'no-store');
    });
  });

  it('is not there for whoever comes through a proxy, trusted or not', async () => {
    await withPortal(
      async (portal) => {
        await enqueue(portal);
        const headers = ['X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'Forwarded', 'X-Real-IP'];
        for (const path of ['/dev/outbox', '/dev/outbox.json']) {
          for (const name of headers) {
            const answer = await portal.visitor().get(path, { headers: { [name]: '127.0.0.1' } });
            assert.equal(answer.status, 404, `${path} ${name}`);
            assert.ok(!answer.html.includes('reset/abc'));
          }
          // Nor for a page whose own name was pointed at this machine (DNS rebinding).
          assert.notEqual((await portal.visitor().get(path, { headers: { host: 'evil.test' } })).status, 200);
          assert.equal((await portal.visitor().get(path)).status, 200);
        }
      },
      { environment: { TRUST_PROXY: '1' } },
    );
  });

  it('is not there with a mail server, and not in production', async () => {
    for (const environment of Object.values(noDevOutbox)) {
      await withPortal(
        async (portal) => {
          await enqueue(portal);
          assert.ok(!portal.routes().some(({ path }) => path.startsWith('/dev')));
          if (environment === noDevOutbox.mailServer)
            assert.equal((await portal.visitor().get('/dev/outbox.json')).status, 404);
          assert.equal(portal.devOutbox, false);
          assert.equal((await portal.outbox.list('queued', 10)).length, 1, 'it waits');
          assert.equal(
            portal.logLines().some((line) => line.includes('SMTP_URL is not set')),
            environment === noDevOutbox.production,
          );
        },
        { environment },
      );
    }
  });
});
