import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeWithAuthenticator } from '../../../../test/attacks/support/authenticator.ts';
import { assertUnchanged } from '../../../../test/attacks/support/database.ts';
import type { Visitor } from '../../../../test/support/http.ts';
import { openTestPortal, withPortal, type TestPortal } from '../../../../test/support/portal.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { longestSeries } from '../../../platform/outbox/outbox.ts';
import { mailKinds } from '../mail-page.ts';
import { staffOf, tokenOf } from './pages.ts';

const settings = {
  environment: { SMTP_URL: 'smtp://127.0.0.1:9', MAIL_FROM: 'portal@example.com', JOBS: 'off' },
};

describeWithAuthenticator('The Mail tab', () => {
  let portal: TestPortal;
  let as: (profile: string) => Promise<Visitor>;
  before(async () => {
    portal = await openTestPortal(settings);
    as = staffOf(portal);
  });
  after(() => portal.close());
  beforeEach(async () => {
    await (await as('admin')).get('/staff/mail');
    await portal.database.connection.collection('outbox').deleteMany({});
  });

  const secret = 'https://portal.example/reset-password/canary';
  const enqueue = (to: string, kind = 'password-reset') =>
    portal.outbox.enqueue({ channel: 'mail', kind, to, subject: 'canary subject', text: secret, html: secret });
  const rows = () => portal.database.connection.collection<{ _id: string }>('outbox');
  /** Lets a mail fail for the last time, as the worker does. */
  async function die(id: string, fault: string): Promise<void> {
    await rows().updateOne({ _id: id }, { $set: { tries: longestSeries - 1, dueAt: new Date(0) } });
    const leased = await portal.outbox.lease('mail');
    assert.equal(leased?.id, id);
    assert.equal(await portal.outbox.failed(leased, fault), 'dead');
  }

  it('shows first what could not be sent: to whom, about what, why, how often; then what waits; never what a mail says', async () => {
    await die(await enqueue('ada@example.com'), 'EENVELOPE 550');
    await enqueue('bea@example.com', 'notice.new-device');
    portal.clock.advance({ seconds: 1 });
    await enqueue('cid@example.com', 'of-another-kind');
    const page = await (await as('admin')).get('/staff/mail');
    await assertValidHtml(page.html);
    assert.match(
      page.text,
      /Could not be sent.*ada@example\.com Link to a new password The mail server refused the sender or the recipient\. EENVELOPE 550 100 .*Waiting to be sent/,
    );
    assert.match(
      page.text,
      /Waiting to be sent 2 in all.*cid@example\.com of-another-kind.*bea@example\.com Sign-in from a new device – 0/,
    );
    assert.doesNotMatch(page.html, /canary/);
  });

  it('has a mail tried again, by those who look after users, and notes who did without the address', async () => {
    const id = await enqueue('ada@example.com');
    await die(id, 'ETIMEDOUT');
    const admin = await as('admin');
    const page = await admin.follow(await admin.submit(`/staff/mail/${id}/retry`, {}, { from: '/staff/mail' }));
    assert.match(page.text, /The mail is on its way again/);
    assert.equal((await portal.outbox.find(id))?.state, 'queued');
    const [row] = await portal.audit.latest({ event: 'outbox.retried' }, 1);
    assert.deepEqual(row?.detail, { kind: 'password-reset', reference: id });
    assert.equal(row.actor.kind, 'person');
    const words = await admin.get('/staff/audit?event=outbox.retried');
    assert.match(words.text, /A mail was sent on its way again .*Mail about Link to a new password/);
    const twice = { _csrf: await tokenOf(admin) };
    const answer = await admin.submit(`/staff/mail/${id}/retry`, twice, { hidden: false });
    assert.match((await admin.follow(answer)).text, /Nothing was left to try again/);
    assert.equal((await portal.outbox.find(id))?.tries, 0);
  });

  it('has all of them tried again at once, a bounded number at a time', async () => {
    for (const name of ['ada', 'bea', 'cid']) await die(await enqueue(`${name}@example.com`), 'ETIMEDOUT');
    const admin = await as('admin');
    const page = await admin.follow(await admin.submit('/staff/mail/retry', {}, { from: '/staff/mail' }));
    assert.match(page.text, /3 mails are on their way again/);
    assert.equal(await portal.outbox.count('dead'), 0);
    assert.deepEqual((await portal.audit.latest({ event: 'outbox.retried' }, 1))[0]?.detail, { mails: 3 });
    for (const name of ['ada', 'bea', 'cid']) await die(await oldest(`${name}@example.com`), 'ETIMEDOUT');
    portal.clock.advance({ seconds: 1 });
    assert.equal(await portal.outbox.retryAll(2), 2);
    assert.deepEqual(
      (await portal.outbox.list('dead', 9)).map(({ to }) => to),
      ['cid@example.com'],
      'the oldest first',
    );
  });

  /** Makes the mail to this address the one that is due. */
  async function oldest(to: string): Promise<string> {
    const row = await rows().findOne({ to } as object);
    assert.ok(row);
    const createdAt = new Date(portal.clock.now().getTime() + (to.startsWith('cid') ? 1000 : 0));
    await rows().updateOne({ _id: row._id }, { $set: { createdAt } });
    return row._id;
  }

  it('knows a mail that is none from one that is, and nothing else', async () => {
    const admin = await as('admin');
    const token = { _csrf: await tokenOf(admin) };
    for (const id of ['x', 'a'.repeat(43), '%24ne', '0'.repeat(24)]) {
      const answer = await assertUnchanged(
        portal,
        () => admin.submit(`/staff/mail/${id}/retry`, token, { hidden: false }),
        id,
      );
      assert.equal(answer.status, 404, id);
    }
  });

  it('says so where no mail leaves', async () => {
    assert.doesNotMatch((await (await as('admin')).get('/staff/mail')).text, /No mail server is set/);
    await withPortal(async (other) => {
      const page = await (await staffOf(other)('admin')).get('/staff/mail');
      assert.match(page.text, /No mail server is set: mails are kept for developers/);
      assert.match(page.text, /Every mail has left.*No mail is waiting/);
    });
  });
});

describe('Every kind of mail', () => {
  it('has words in the Mail tab', () => {
    const folder = fileURLToPath(new URL('../..', import.meta.url));
    const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !/(?:^|\/)test\//.test(name))
      .map((name) => readFileSync(join(folder, name), 'utf8'));
    const used = sources.flatMap((text) => [
      ...[...text.matchAll(/\.send\(\s*\{\s*kind: '([a-z.-]+)'/g)].map(([, kind]) => kind ?? ''),
      ...[...text.matchAll(/kind: '(notice\.[a-z-]+)'/g)].map(([, kind]) => kind ?? ''),
    ]);
    assert.ok(used.length > 10);
    assert.deepEqual(
      [...new Set(used)].filter((kind) => !(mailKinds as readonly string[]).includes(kind)),
      [],
    );
  });
});
