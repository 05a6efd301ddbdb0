// A real Kannel that keeps messages waiting, or says nothing at all, as people, staff and the operator see it.
import assert from 'node:assert/strict';
import { forgetPassword } from '../../../../../test/support/mail-links.ts';
import { until } from '../../../../../test/support/smtp-sink.ts';
import { newNumber } from './ground.ts';
import { answerByApp, answerByText, askByText, pressAgain } from './people.ts';
import { describeTrouble, says } from './trouble.ts';

describeTrouble('While Kannel hangs', (trouble) => {
  it('a network that is unplugged delays a message, which then comes once, and its code works', async () => {
    const { kannel, portal, ada, bo, health, staffSee, assertWorks } = trouble();
    await kannel.plugOut();
    const { visitor, page, tookMs } = await askByText(portal, ada);
    assert.match(page.text, says.late);
    assert.ok(tookMs < 4000, `${String(tookMs)} ms`);
    const other = await askByText(portal, bo);
    assert.match(other.page.text, says.late);
    await answerByApp(portal, other.visitor, bo);
    assert.match(await health(), /^degraded kannel queueing since/);
    await staffSee(/kannel Keeps messages waiting/);
    assert.equal(await ada.handset.unread(), 0);
    await kannel.plugIn();
    await answerByText(visitor, ada.handset);
    await bo.handset.next();
    await assertWorks();
    assert.equal((await ada.handset.unread()) + (await bo.handset.unread()), 0);
  });

  it('a frozen interface keeps nobody for six seconds, no mail waits for it, and nothing is sent a second time by itself', async () => {
    const { kannel, portal, sink, ada, bo, health, staffSee, assertWorks } = trouble();
    kannel.freeze();
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
      await until('the mail is there', () => sink.received.length > mails, 3500);
      assert.equal(await hanging(), 12, 'the mail did not wait for any of them');
      const [one, other] = await asked;
      for (const { page, tookMs } of [one, other]) {
        assert.match(page.text, says.unknown);
        assert.ok(tookMs < 6000, `${String(tookMs)} ms`);
      }
      await answerByApp(portal, other.visitor, bo);
      assert.match(await health(), /^degraded kannel failing since \S+ lost:timeout$/);
      await staffSee(/kannel Fails.*lost:timeout/);
      kannel.thaw();
      await assertWorks();
      // Whether it read what came while it was frozen is Kannel's secret; the portal asks it no second time.
      for (const { handset } of [ada, bo]) {
        const read = await handset.unread();
        assert.ok(read <= 1);
        if (read === 1) await handset.next();
      }
      // Long enough for the outbox to try again, were it to.
      portal.clock.advance({ minutes: 1 });
      await assertWorks();
      assert.equal((await ada.handset.unread()) + (await bo.handset.unread()), 0);
      await pressAgain(one.visitor);
      await answerByText(one.visitor, ada.handset);
      portal.clock.advance({ hours: 1 });
      await assertWorks();
      assert.equal((await ada.handset.unread()) + (await bo.handset.unread()), 0);
    } finally {
      kannel.thaw();
    }
  });

  it('a message that was taken without an answer arrives exactly once, and its code works', async () => {
    const { kannel, portal, ada, assertWorks } = trouble();
    kannel.freeze('bearerbox');
    try {
      const { visitor, page, tookMs } = await askByText(portal, ada);
      assert.match(page.text, says.unknown);
      assert.ok(tookMs < 6000, `${String(tookMs)} ms`);
      assert.equal(await ada.handset.unread(), 0);
      kannel.thaw();
      await answerByText(visitor, ada.handset);
      portal.clock.advance({ minutes: 1 });
      await assertWorks();
      portal.clock.advance({ hours: 1 });
      await assertWorks();
      assert.equal(await ada.handset.unread(), 0);
    } finally {
      kannel.thaw();
    }
  });
});
