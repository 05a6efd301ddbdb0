// A real Kannel that is gone, or says no, as people, staff and the operator see it.
import assert from 'node:assert/strict';
import { reset } from '../../../../../test/behaviours/support/preset.ts';
import { signInWith } from '../../../../../test/support/portal.ts';
import { until } from '../../../../../test/support/smtp-sink.ts';
import { give, setUp } from '../people.ts';
import { Handset } from './ground.ts';
import { addOwner, answerByApp, answerByText, askByText, askForCodeTo, pressAgain } from './people.ts';
import { describeTrouble, says } from './trouble.ts';

describeTrouble('While Kannel fails', (trouble) => {
  it('a Kannel that is gone is told of at once, may be asked again at once, and costs the person nothing', async () => {
    const { kannel, portal, ada, bo, health, staffSee, assertWorks } = trouble();
    await kannel.kill();
    const { visitor, page, tookMs } = await askByText(portal, ada);
    assert.match(page.text, says.failed);
    assert.ok(tookMs < 4000, `${String(tookMs)} ms`);
    for (let count = 0; count < 3; count += 1) {
      assert.match((await pressAgain(visitor)).text, says.failed);
      assert.doesNotMatch((await visitor.get('/sign-in/challenge')).text, /You can ask for a new one in/);
    }
    const other = await askByText(portal, bo);
    assert.match(other.page.text, says.failed);
    await answerByApp(portal, other.visitor, bo);
    assert.match(await health(), /^degraded kannel failing since \S+ connect:ECONNREFUSED$/);
    await staffSee(/kannel Fails.*connect:ECONNREFUSED/);
    const [newcomer, theirs] = [portal.visitor(), new Handset(kannel)];
    await signInWith(newcomer, (await portal.addPerson()).email);
    assert.match((await askForCodeTo(newcomer, theirs.number)).text, says.failed, 'in a set-up, too');

    await kannel.startAgain();
    await newcomer.submit(`${setUp}/send`, {}, { from: setUp });
    const started = await newcomer.submit(`${setUp}/confirm`, { code: await theirs.code() }, { from: setUp });
    assert.equal(started.status, 303, started.text);
    assert.match((await pressAgain(visitor)).text, says.sent);
    const code = await ada.handset.code();
    for (let count = 2; count <= 5; count += 1) {
      assert.match((await askByText(portal, ada)).page.text, says.sent, `the ${String(count)}th`);
      await ada.handset.next();
    }
    assert.match((await askByText(portal, ada)).page.text, /You have asked for many messages/, 'the sixth');
    assert.equal((await give(visitor, code)).status, 303, 'the first code is right all the while');
    await assertWorks();
    assert.equal(await ada.handset.unread(), 0);
  });

  it('a notice that could not leave leaves once Kannel is back, and once only', async () => {
    const { kannel, portal, as, assertWorks } = trouble();
    const dora = await addOwner(portal, kannel);
    await as('admin');
    await kannel.kill();
    await reset(await as('admin'), dora.person);
    await until('it was tried', async () =>
      (await portal.outbox.list('queued', 10, 'text')).some(({ kind, tries }) => kind === 'sms.notice' && tries === 1),
    );
    await kannel.startAgain();
    portal.clock.advance({ minutes: 1 });
    assert.match(await dora.handset.next(), /this number gets no more codes for your account/);
    portal.clock.advance({ hours: 1 });
    await assertWorks();
    assert.equal(await dora.handset.unread(), 0);
  });

  for (const { what, change, fault, sick } of [
    { what: 'refuses the portal (403)', change: { password: 'another' }, fault: 'http:403', sick: true },
    { what: 'refuses the number (400)', change: { deniedPrefix: '+49151' }, fault: 'http:400', sick: false },
  ])
    it(`a Kannel that ${what} is told of at once, and another way is open`, async () => {
      const { kannel, portal, ada, bo, health, staffSee, assertWorks } = trouble();
      await kannel.kill();
      await kannel.startAgain(change);
      const { visitor, page, tookMs } = await askByText(portal, ada);
      assert.match(page.text, says.failed);
      assert.ok(tookMs < 4000, `${String(tookMs)} ms`);
      const other = await askByText(portal, bo);
      assert.match(other.page.text, says.failed);
      await answerByApp(portal, other.visitor, bo);
      // What it says of one number is no fault of the gateway's.
      if (sick) assert.match(await health(), new RegExp(`^degraded kannel failing since \\S+ ${fault}$`));
      else assert.equal(await health(), 'ok');
      await staffSee(new RegExp(`kannel ${sick ? 'Fails' : 'Works'}.*${fault}`));
      await kannel.startAgain();
      assert.match((await pressAgain(visitor)).text, says.sent);
      await answerByText(visitor, ada.handset);
      await assertWorks();
    });

  it('staff who decide about second steps get one mail an hour, whichever process fails', async () => {
    const { kannel, portal, sink, as, ada, cleo } = trouble();
    const twin = await portal.twin();
    await as('master-admin');
    await as('admin');
    await kannel.kill();
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
    await kannel.startAgain();
    await askByText(portal, ada);
    await answerByText((await askByText(twin, cleo)).visitor, cleo.handset);
    assert.equal(await queued(), before + 2);
  });
});
