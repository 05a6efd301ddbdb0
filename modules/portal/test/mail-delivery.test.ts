import assert from 'node:assert/strict';
import { openSmtpSink, until, type SmtpSink } from '../../../test/support/smtp-sink.ts';
import { signInWith, withPortal, type TestPortal } from '../../../test/support/portal.ts';

const phone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1';

describe('A portal with a mail server', () => {
  let sink: SmtpSink;
  beforeEach(async () => {
    sink = await openSmtpSink();
  });
  afterEach(async () => {
    sink.release();
    await sink.close();
  });
  const settings = (more: Record<string, string> = {}) => ({
    environment: { SMTP_URL: sink.url, MAIL_FROM: 'Portal <portal@example.com>', ...more },
  });

  /** Does what the person is mailed about, and gives the answer to it. */
  async function signInFromNewDevice(portal: TestPortal) {
    const ada = await portal.addPerson();
    const known = portal.visitor();
    await known.follow(await signInWith(known, ada.email));
    const visitor = portal.visitor();
    visitor.headers['user-agent'] = phone;
    return { ada, page: await visitor.follow(await signInWith(visitor, ada.email)) };
  }

  it('answers while the mail server still keeps it waiting, and sends the mail once (REC-11)', async () => {
    sink.mode = 'hold';
    await withPortal(async (portal) => {
      const { ada, page } = await signInFromNewDevice(portal);
      assert.equal(page.url.pathname, '/home');
      await until('the server has the mail', () => sink.held() === 1);
      assert.equal(sink.received.length, 0, 'the answer came before the server’s');
      sink.release();
      await until('it is recorded', async () => (await portal.outbox.list('sent', 10)).length === 1);
      assert.deepEqual(sink.received[0]?.to, [ada.email]);
    }, settings());
  });

  it('answers the same while the mail server is down, and sends the mail once it is back', async () => {
    const { port } = sink;
    await sink.close();
    await withPortal(
      async (portal) => {
        const { page } = await signInFromNewDevice(portal);
        assert.equal(page.url.pathname, '/home');
        await until('it was tried', async () =>
          (await portal.outbox.list('queued', 10)).some(({ tries }) => tries === 1),
        );
        sink = await openSmtpSink(port);
        portal.clock.advance({ seconds: 5 });
        await until('it is sent', () => sink.received.length === 1);
        await until('it is recorded', async () => (await portal.outbox.list('sent', 10)).length === 1);
      },
      settings({ SMTP_URL: `smtp://127.0.0.1:${String(port)}` }),
    );
  });

  it('leaves the sending to other processes where JOBS is off, and none of it is on a page or in the log', async () => {
    await withPortal(
      async (portal) => {
        await signInFromNewDevice(portal);
        assert.equal((await portal.outbox.list('queued', 10)).length, 1);
        assert.equal(sink.received.length, 0);
        assert.doesNotMatch(portal.logLines().join('\n'), /canary-of-a-password/);
      },
      settings({ JOBS: 'off', SMTP_URL: sink.url.replace('//', '//user:canary-of-a-password@') }),
    );
  });
});
