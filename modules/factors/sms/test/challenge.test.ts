import assert from 'node:assert/strict';
import { burst } from '../../../../test/support/http.ts';
import { openTestPortal, signInWith, withPortal, type TestPortal } from '../../../../test/support/portal.ts';
import { anyDriver } from '../../../../test/support/driver.ts';
import { driver, messagesTo } from './driver.ts';
import {
  anotherCode,
  asked,
  challenge,
  codeTo,
  countTo,
  give,
  isIn,
  security,
  sendAgain,
  signedIn,
  withPhone,
} from './people.ts';

describe('Signing in with a code by text message', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());
  beforeEach(() => {
    // All of them come from one address, for which only so many messages leave in an hour.
    portal.clock.advance({ minutes: 61 });
  });

  it('sends exactly one message for a sign-in, in the POST of the password, however often its page is looked at', async () => {
    const { person, number } = await withPhone(portal);
    const before = await countTo(portal, number);
    const visitor = await asked(portal, person);
    for (let look = 0; look < 5; look += 1) await visitor.get(challenge);
    assert.equal(await countTo(portal, number), before + 1);
    assert.match((await visitor.get(challenge)).text, /We sent a message to \+49\*{6}\d\d\./);
  });

  it('sends nothing for a wrong password', async () => {
    const { person, number } = await withPhone(portal);
    const before = await countTo(portal, number);
    await signInWith(portal.visitor(), person.email, 'not the password at all');
    assert.equal(await countTo(portal, number), before);
  });

  it('says whose code it is and to give it to nobody, in one message of the GSM alphabet', async () => {
    const { person, number } = await withPhone(portal);
    await asked(portal, person);
    const [text = ''] = await messagesTo(number, portal.visitor());
    assert.match(
      text,
      /^\d{6} is your code for Gatehouse \(127\.0\.0\.1:\d+\)\. Give it to nobody; we never ask for it\.$/,
    );
    assert.ok(text.length <= 160);
  });

  it('takes the code of its own sign-in only, and each once', async () => {
    const { person, number } = await withPhone(portal);
    const first = await asked(portal, person);
    const one = await codeTo(portal, number);
    portal.clock.advance({ seconds: 1 });
    const second = await asked(portal, person);
    const two = await codeTo(portal, number);
    assert.equal((await give(first, two)).status, 422);
    assert.equal((await give(second, one)).status, 422);
    assert.equal((await give(second, two)).status, 303);
    assert.ok(await isIn(second));
    portal.clock.advance({ seconds: 1 });
    const third = await asked(portal, person);
    assert.equal((await give(third, two)).status, 422);
    assert.ok(!(await isIn(first)));
  });

  it('takes no code of a step-up or a set-up for a sign-in', async () => {
    const owner = await withPhone(portal);
    const { person, number } = owner;
    const visitor = await signedIn(portal, owner);
    await visitor.submit('/account/confirm', { begin: 'yes' }, { from: `/account/confirm?returnTo=${security}` });
    const stepUp = await codeTo(portal, number);
    portal.clock.advance({ seconds: 1 });
    const other = await asked(portal, person);
    assert.notEqual(await codeTo(portal, number), stepUp);
    assert.equal((await give(other, stepUp)).status, 422);
  });

  it('lets a code live for five minutes', async () => {
    const { person, number } = await withPhone(portal);
    const visitor = await asked(portal, person);
    const code = await codeTo(portal, number);
    portal.clock.advance({ minutes: 5 });
    const late = await give(visitor, code);
    assert.equal(late.status, 422);
    assert.match(late.text, /no longer valid\. Send a new one/);
    await sendAgain(visitor);
    assert.equal((await give(visitor, await codeTo(portal, number))).status, 303);
  });

  it('sends another one after a minute, then after two, and four, and a new code ends the older', async () => {
    const { person, number } = await withPhone(portal);
    const visitor = await asked(portal, person);
    const before = await countTo(portal, number);
    const codes = [await codeTo(portal, number)];
    for (const wait of [60, 120]) {
      portal.clock.advance({ seconds: wait - 1 });
      await sendAgain(visitor);
      assert.equal(await countTo(portal, number), before + codes.length - 1, `not after ${String(wait - 1)} seconds`);
      const page = await visitor.get(challenge);
      assert.match(page.text, /You can ask for a new one in 1 seconds/);
      portal.clock.advance({ seconds: 1 });
      await sendAgain(visitor);
      codes.push(await codeTo(portal, number));
      assert.equal(await countTo(portal, number), before + codes.length - 1);
    }
    portal.clock.advance({ seconds: 239 });
    await sendAgain(visitor);
    assert.equal(await countTo(portal, number), before + 2);
    for (const old of codes.slice(0, -1)) assert.equal((await give(visitor, old)).status, 422);
    assert.equal((await give(visitor, codes.at(-1) ?? '')).status, 303);
  });

  it('takes five wrong codes for a sign-in, over all its messages, and then none at all', async () => {
    const { person, number } = await withPhone(portal);
    const visitor = await asked(portal, person);
    const first = await codeTo(portal, number);
    for (let count = 1; count <= 3; count += 1)
      assert.equal((await give(visitor, anotherCode(first, count))).status, 422);
    portal.clock.advance({ seconds: 61 });
    await sendAgain(visitor);
    const second = await codeTo(portal, number);
    assert.equal((await give(visitor, anotherCode(second, 1))).status, 422);
    const fifth = await give(visitor, anotherCode(second, 2));
    assert.match(fifth.text, /Too many wrong codes/);
    assert.equal((await give(visitor, second)).status, 422, 'the right one comes too late');
    portal.clock.advance({ minutes: 3 });
    const before = await countTo(portal, number);
    await sendAgain(visitor);
    assert.equal(await countTo(portal, number), before, 'and no new message');
    assert.ok(!(await isIn(visitor)));
    const again = await asked(portal, person);
    assert.equal((await give(again, await codeTo(portal, number))).status, 303, 'a new sign-in is a new question');
  });

  it('lets one of twenty submissions of a right code in, over two processes', async () => {
    const { person, number } = await withPhone(portal);
    const twin = await portal.twin();
    const visitor = await asked(portal, person);
    const there = visitor.clone(twin.url);
    const code = await codeTo(portal, number);
    await burst(20, (index) =>
      (index % 2 === 0 ? visitor : there).holdSubmit(challenge, { code }, { from: challenge }),
    );
    const accepted = { event: 'challenge.accepted', 'actor.id': person.id };
    assert.equal(await portal.database.connection.collection('auditEvents').countDocuments(accepted), 1);
  });

  it('sends one message where twenty ask for another at once, over two processes', async () => {
    const { person, number } = await withPhone(portal);
    const twin = await portal.twin();
    const visitor = await asked(portal, person);
    const there = visitor.clone(twin.url);
    const before = await countTo(portal, number);
    portal.clock.advance({ seconds: 61 });
    const answers = await burst(20, (index) =>
      (index % 2 === 0 ? visitor : there).holdSubmit(challenge, { begin: 'yes' }, { from: challenge }),
    );
    assert.ok(
      answers.every(({ status }) => status === 303 || status === 429),
      answers.map((one) => one.status).join(),
    );
    assert.equal(await countTo(portal, number), before + 1);
  });

  it('keeps no code, and no hash that a million tries would find, and no number', async () => {
    const { person, number } = await withPhone(portal);
    await asked(portal, person);
    const code = await codeTo(portal, number);
    const all = portal.database.connection;
    const rows = [];
    for (const name of ['signIns', 'enrolments', 'auditEvents', 'outbox', 'factor.sms.messages', 'factor.sms.charges'])
      rows.push(...(await all.collection(name).find().toArray()));
    const dump = JSON.stringify(rows);
    assert.doesNotMatch(dump, new RegExp(`(?<![0-9])${code}(?![0-9])`));
    assert.ok(!dump.includes(number.slice(1)), 'no number in clear');
    const { createHash } = await import('node:crypto');
    for (const encoding of ['hex', 'base64', 'base64url'] as const)
      assert.ok(!dump.includes(createHash('sha256').update(code).digest(encoding)));
    assert.ok(!portal.logLines().join('').includes(number.slice(1)), 'nor in the log');
  });

  it('shows no more of the number than its country and the last two digits', async () => {
    const { person, number } = await withPhone(portal);
    const visitor = await asked(portal, person);
    const page = await visitor.get(challenge);
    assert.ok(page.text.includes(`+49******${number.slice(-2)}`));
    assert.ok(!page.html.includes(number.slice(4, -2)));
  });

  it('moves to another way and back without a second message, and without new tries', async function () {
    const app = await anyDriver(this);
    const phone = await withPhone(portal);
    const { person, number } = phone;
    const owner = await signedIn(portal, phone);
    await owner.submit('/account/confirm', { begin: 'yes' }, { from: '/account/confirm' });
    await owner.submit('/account/confirm', { code: await codeTo(portal, number) }, { from: '/account/confirm' });
    const device = await app.enrol(owner, portal.clock.now());
    portal.clock.advance({ minutes: 61 });
    const before = await countTo(portal, number);
    const visitor = await asked(portal, person);
    assert.equal(await countTo(portal, number), before, 'the app is asked for first, and no message costs money');
    const to = (factor: string) => visitor.submit('/sign-in/methods', { factor }, { from: '/sign-in/methods' });
    await to(driver.id);
    assert.equal(await countTo(portal, number), before + 1);
    const code = await codeTo(portal, number);
    await give(visitor, anotherCode(code));
    await to(app.id);
    assert.match((await visitor.get(challenge)).text, /app/);
    await to(driver.id);
    assert.equal(await countTo(portal, number), before + 1, 'nothing is sent again');
    for (let count = 2; count <= 5; count += 1) await give(visitor, anotherCode(code, count));
    assert.equal((await give(visitor, code)).status, 422, 'the wrong code of before counts on');
    await to(app.id);
    assert.equal((await give(visitor, app.code(device, portal.clock.now()))).status, 303, 'the other way stays open');
  });

  it('waits between messages, and counts wrong tries, over the purposes too', async () => {
    const owner = await withPhone(portal);
    const visitor = await signedIn(portal, owner);
    const before = await countTo(portal, owner.number);
    const ask = (path: string) => visitor.submit(path, { begin: 'yes' }, { from: path });
    const disable = '/account/mfa/disable';
    await ask('/account/confirm');
    await ask(disable);
    assert.equal(await countTo(portal, owner.number), before + 2, 'one for each purpose');
    for (let round = 0; round < 3; round += 1) {
      await ask('/account/confirm');
      await ask(disable);
    }
    assert.equal(await countTo(portal, owner.number), before + 2, 'and no more by going to and fro');
    const code = await codeTo(portal, owner.number);
    for (let count = 1; count <= 5; count += 1)
      await visitor.submit(disable, { code: anotherCode(code, count) }, { from: disable });
    await ask('/account/confirm');
    await ask(disable);
    assert.match((await visitor.get(disable)).text, /Too many wrong codes/);
  });

  it('sends nothing that could not be used, where the tries are used up', async () => {
    const { person, number } = await withPhone(portal);
    for (let round = 0; round < 2; round += 1) {
      const visitor = await asked(portal, person);
      const code = await codeTo(portal, number);
      for (let count = 1; count <= 5; count += 1) await give(visitor, anotherCode(code, count));
    }
    const before = await countTo(portal, number);
    const visitor = await asked(portal, person);
    assert.equal(await countTo(portal, number), before);
    assert.equal((await sendAgain(visitor)).status, 429);
    assert.equal(await countTo(portal, number), before);
  });

  it('leaves the code in hand alone where another one was asked for and did not leave', async () => {
    await withPortal(
      async (strict) => {
        const { person, number } = await withPhone(strict);
        const visitor = await asked(strict, person);
        const code = await codeTo(strict, number);
        strict.clock.advance({ seconds: 61 });
        await sendAgain(visitor);
        assert.match((await visitor.get(challenge)).text, /asked for many messages|Many messages went to/);
        assert.equal(await countTo(strict, number), 2, 'the set-up’s and this one');
        assert.equal((await give(visitor, code)).status, 303);
      },
      { environment: { SMS_UNCONFIRMED_PER_HOUR: '1' } },
    );
  });

  it('proves a change by a code that is sent on demand, and by no look at a page', async () => {
    const owner = await withPhone(portal);
    const { number } = owner;
    const visitor = await signedIn(portal, owner);
    const before = await countTo(portal, number);
    assert.match((await visitor.get('/account/confirm')).text, /Send me a code/);
    assert.equal(await countTo(portal, number), before);
    await visitor.submit('/account/confirm', { begin: 'yes' }, { from: '/account/confirm' });
    assert.equal(await countTo(portal, number), before + 1);
    const wrong = await visitor.submit(
      '/account/confirm',
      { code: anotherCode(await codeTo(portal, number)) },
      { from: '/account/confirm' },
    );
    assert.equal(wrong.status, 422);
    const right = await visitor.submit(
      '/account/confirm',
      { code: await codeTo(portal, number) },
      { from: '/account/confirm' },
    );
    assert.equal(right.status, 303);
  });
});
