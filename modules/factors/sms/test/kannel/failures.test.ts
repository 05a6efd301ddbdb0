// A real Kannel that is unplugged, frozen, ended or says no, as people, staff and the operator see it.
import assert from 'node:assert/strict';
import type { Visitor } from '../../../../../test/support/http.ts';
import { forgetPassword } from '../../../../../test/support/mail-links.ts';
import { assertValidHtml } from '../../../../../test/support/page-quality.ts';
import type { TestPortal } from '../../../../../test/support/portal.ts';
import { openSmtpSink, until, type SmtpSink } from '../../../../../test/support/smtp-sink.ts';
import type { Member } from '../../../../../test/attacks/support/people.ts';
import { staffOf } from '../../../../portal/staff/test/pages.ts';
import { give } from '../people.ts';
import { describeWithKannel, newNumber, openPortalAt } from './ground.ts';
import { addApp, addOwner, answerByApp, answerByText, askByText, pressAgain, type Owner } from './people.ts';

const staffPage = '/staff/factors/sms';
const late = /is waiting at the network, and may come late\. You can use another way meanwhile/;
const unknown =
  /We could not find out whether the message to \+49\*{6}\d\d left\. Wait a minute for it, or use another way/;
const failed = /The message to \+49\*{6}\d\d could not be sent\. Send it again, or use another way/;

describeWithKannel('While Kannel fails', (kannel) => {
  let sink: SmtpSink;
  let portal: TestPortal;
  let as: (profile: string) => Promise<Visitor>;
  let ada: Owner;
  let cleo: Owner;
  let bo: Owner & Member;

  before(async () => {
    sink = await openSmtpSink();
    portal = await openPortalAt(kannel(), {
      environment: {
        SMTP_URL: sink.url,
        MAIL_FROM: 'portal@example.com',
        SMS_ADDRESS_PER_HOUR: '500',
        SMS_ADDRESS_PER_DAY: '500',
      },
    });
    as = staffOf(portal);
    [ada, cleo] = [await addOwner(portal, kannel()), await addOwner(portal, kannel())];
    bo = await addApp(portal, await addOwner(portal, kannel()));
  });
  after(async () => {
    await (portal as TestPortal | undefined)?.close();
    await (sink as SmtpSink | undefined)?.close();
  });
  beforeEach(() => {
    // What was sent before counts no more, and an hour begins: staff are mailed once in each.
    const left = 3600 - (Math.floor(portal.clock.now().getTime() / 1000) % 3600);
    portal.clock.advance({ hours: 1, seconds: left });
  });

  async function health(): Promise<string> {
    const response = await fetch(`${portal.url}/healthz/detail`);
    assert.equal(response.status, 200);
    const { state, factors } = (await response.json()) as {
      state: string;
      factors: Record<string, { detail: string }>;
    };
    return `${state} ${factors['sms']?.detail ?? ''}`.trim();
  }

  async function staffSee(what: RegExp): Promise<void> {
    const page = await (await as('admin')).get(staffPage);
    await assertValidHtml(page.html);
    assert.match(page.text, what);
  }

  /** A message of somebody else that arrives: whatever was to leave before it has left. */
  async function assertWorks(): Promise<void> {
    const { visitor, page } = await askByText(portal, cleo);
    assert.match(page.text, /We sent a message to/);
    await answerByText(visitor, cleo.handset);
    assert.equal(await health(), 'ok');
    await staffSee(/kannel Works/);
  }

  it('a network that is unplugged delays a message, which then comes once, and its code works', async () => {
    await kannel().plugOut();
    const { visitor, page, tookMs } = await askByText(portal, ada);
    assert.match(page.text, late);
    assert.ok(tookMs < 2000, `${String(tookMs)} ms`);
    const other = await askByText(portal, bo);
    assert.match(other.page.text, late);
    await answerByApp(portal, other.visitor, bo);
    assert.match(await health(), /^degraded kannel queueing since/);
    await staffSee(/kannel Keeps messages waiting/);
    assert.equal(await ada.handset.unread(), 0);
    await kannel().plugIn();
    await answerByText(visitor, ada.handset);
    await bo.handset.next();
    await assertWorks();
    assert.equal((await ada.handset.unread()) + (await bo.handset.unread()), 0);
  });

  it('a frozen interface keeps nobody for six seconds, no mail waits for it, and nothing is sent a second time by itself', async () => {
    kannel().freeze();
    try {
      const asked = Promise.all([askByText(portal, ada), askByText(portal, bo)]);
      const hanging = () => portal.outbox.count('sending', 'text');
      await until('both hang', async () => (await hanging()) === 2);
      // As many as one process sends at a time.
      for (let count = 0; count < 10; count += 1)
        await portal.outbox.enqueue({
          channel: 'text',
          kind: 'notice',
          to: newNumber(),
          subject: '',
          text: 'Hangs, too.',
          html: null,
          tries: 1,
        });
      await until('all hang', async () => (await hanging()) === 12);
      const mails = sink.received.length;
      await forgetPassword(portal.visitor(), ada.person.email);
      await until('the mail is there', () => sink.received.length > mails, 2500);
      assert.equal(await hanging(), 12, 'the mail did not wait for any of them');
      const [one, other] = await asked;
      for (const { page, tookMs } of [one, other]) {
        assert.match(page.text, unknown);
        assert.ok(tookMs < 6000, `${String(tookMs)} ms`);
      }
      await answerByApp(portal, other.visitor, bo);
      assert.match(await health(), /^degraded kannel failing since \S+ lost:timeout$/);
      await staffSee(/kannel Fails.*lost:timeout/);
      kannel().thaw();
      await assertWorks();
      // Whether it read what came while it was frozen is Kannel's secret; the portal asks it no second time.
      const before = await ada.handset.unread();
      assert.ok(before <= 1);
      for (let count = 0; count < before; count += 1) await ada.handset.next();
      portal.clock.advance({ minutes: 1 });
      await pressAgain(one.visitor);
      await answerByText(one.visitor, ada.handset);
      portal.clock.advance({ hours: 1 });
      await assertWorks();
      assert.equal((await ada.handset.unread()) + (await bo.handset.unread()), 0);
    } finally {
      kannel().thaw();
    }
  });

  it('a message that was taken without an answer arrives exactly once, and its code works', async () => {
    kannel().freeze('bearerbox');
    try {
      const { visitor, page, tookMs } = await askByText(portal, ada);
      assert.match(page.text, unknown);
      assert.ok(tookMs < 6000, `${String(tookMs)} ms`);
      assert.equal(await ada.handset.unread(), 0);
      kannel().thaw();
      await answerByText(visitor, ada.handset);
      portal.clock.advance({ hours: 1 });
      await assertWorks();
      assert.equal(await ada.handset.unread(), 0);
    } finally {
      kannel().thaw();
    }
  });

  it('a Kannel that is gone is told of at once, may be asked again at once, and costs the person nothing', async () => {
    await kannel().kill();
    const { visitor, page, tookMs } = await askByText(portal, ada);
    assert.match(page.text, failed);
    assert.ok(tookMs < 2000, `${String(tookMs)} ms`);
    for (let count = 0; count < 6; count += 1) {
      assert.match((await pressAgain(visitor)).text, failed);
      assert.doesNotMatch((await visitor.get('/sign-in/challenge')).text, /You can ask for a new one in/);
    }
    const other = await askByText(portal, bo);
    assert.match(other.page.text, failed);
    await answerByApp(portal, other.visitor, bo);
    assert.match(await health(), /^degraded kannel failing since \S+ connect:ECONNREFUSED$/);
    await staffSee(/kannel Fails.*connect:ECONNREFUSED/);

    await kannel().startAgain();
    assert.match((await pressAgain(visitor)).text, /We sent a message to/);
    const code = await ada.handset.code();
    for (let count = 2; count <= 5; count += 1) {
      assert.match((await askByText(portal, ada)).page.text, /We sent a message to/, `the ${String(count)}th`);
      await ada.handset.next();
    }
    assert.match((await askByText(portal, ada)).page.text, /You have asked for many messages/, 'the sixth');
    assert.equal((await give(visitor, code)).status, 303, 'the first code is right all the while');
    await assertWorks();
    assert.equal(await ada.handset.unread(), 0);
  });

  for (const { what, change, fault, sick } of [
    { what: 'refuses the portal (403)', change: { password: 'another' }, fault: 'http:403', sick: true },
    { what: 'refuses the number (400)', change: { deniedPrefix: '+49151' }, fault: 'http:400', sick: false },
  ])
    it(`a Kannel that ${what} is told of at once, and another way is open`, async () => {
      await kannel().kill();
      await kannel().startAgain(change);
      const { visitor, page, tookMs } = await askByText(portal, ada);
      assert.match(page.text, failed);
      assert.ok(tookMs < 2000, `${String(tookMs)} ms`);
      const other = await askByText(portal, bo);
      assert.match(other.page.text, failed);
      await answerByApp(portal, other.visitor, bo);
      // What it says of one number is no fault of the gateway's.
      if (sick) assert.match(await health(), new RegExp(`^degraded kannel failing since \\S+ ${fault}$`));
      else assert.equal(await health(), 'ok');
      await staffSee(new RegExp(`kannel ${sick ? 'Fails' : 'Works'}.*${fault}`));
      await kannel().startAgain();
      assert.match((await pressAgain(visitor)).text, /We sent a message to/);
      await answerByText(visitor, ada.handset);
      await assertWorks();
    });

  it('staff who decide about second steps get one mail an hour, whichever process fails', async () => {
    const twin = await portal.twin();
    await as('master-admin');
    await as('admin');
    await kannel().kill();
    const alerts = () =>
      sink.received.filter(({ raw }) => /^subject:.*Text messages are not leaving/im.test(raw)).map(({ to }) => to[0]);
    const queued = () => portal.database.connection.collection('outbox').countDocuments({ kind: 'alert.factor' });
    const before = await queued();
    const told = alerts().length;
    const [here, there] = [await askByText(portal, ada), await askByText(twin, cleo)];
    assert.equal(await queued(), before, 'one failure may be one message’s');
    portal.clock.advance({ seconds: 31 });
    for (let count = 0; count < 3; count += 1) {
      await pressAgain(here.visitor);
      await pressAgain(there.visitor);
    }
    assert.equal(await queued(), before + 1);
    await until('the mail is there', () => alerts().length === told + 1);
    assert.equal(alerts().at(-1), 'master-admin@staff.example');
    portal.clock.advance({ hours: 1 });
    await askByText(twin, cleo);
    await askByText(portal, ada);
    assert.equal(await queued(), before + 2, 'an hour later once more');
    await kannel().startAgain();
    await askByText(portal, ada);
    await answerByText((await askByText(twin, cleo)).visitor, cleo.handset);
    assert.equal(await queued(), before + 2);
  });
});
