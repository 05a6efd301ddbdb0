// Somebody makes the portal send, for money or for spite. What left is counted where it costs: at the gateway's other end.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import type { Visitor } from '../../../../../test/support/http.ts';
import { signInWith, type TestPortal } from '../../../../../test/support/portal.ts';
import { staffOf } from '../../../../portal/staff/test/pages.ts';
import { setUp } from '../people.ts';
import { describeWithKannel, Handset, newNumber, openPortalAt } from './ground.ts';
import { addOwner, answerByText, askByText, askForCodeTo, pressAgain } from './people.ts';

describeWithKannel('However often messages are asked for', (kannel) => {
  const portals: TestPortal[] = [];
  let portal: TestPortal;
  let twin: TestPortal;

  /** Two processes on one database, which nobody else shares. */
  async function openTwo(environment: Record<string, string> = {}): Promise<[TestPortal, TestPortal]> {
    const first = await openPortalAt(kannel(), { environment: { TRUST_PROXY: '1', ...environment } });
    portals.push(first);
    return [first, await first.twin()];
  }

  before(async () => {
    [portal, twin] = await openTwo();
  });
  after(async () => {
    for (const one of portals) await one.close();
  });
  beforeEach(() => {
    portal.clock.advance({ hours: 25 });
  });

  /** A browser at an address that nobody else has: whoever pumps has many. */
  function fromAnywhere(at: TestPortal): Visitor {
    const visitor = at.visitor();
    visitor.headers['x-forwarded-for'] =
      `198.${String(randomInt(18, 20))}.${String(randomInt(256))}.${String(randomInt(256))}`;
    return visitor;
  }

  /** Somebody new asks for a code to a number in the set-up. */
  async function askNewly(at: TestPortal, number: string): Promise<string> {
    const visitor = fromAnywhere(at);
    await signInWith(visitor, (await at.addPerson()).email);
    return (await askForCodeTo(visitor, number)).text;
  }

  /** How many messages came to numbers that begin so, once all that was to leave is there. */
  async function countTo(beginning: string, at = portal): Promise<number> {
    const last = new Handset(kannel(), newNumber('170'));
    await at.outbox.enqueue({
      channel: 'text',
      kind: 'notice',
      to: last.number,
      subject: '',
      text: 'The last one.',
      html: null,
    });
    await last.next();
    assert.equal(await at.outbox.count('queued', 'text'), 0);
    return (await kannel().delivered()).filter(({ to }) => to.startsWith(beginning)).length;
  }

  it('fifty presses in an hour, at two processes, are five messages to the number', async () => {
    const { person, handset } = await addOwner(portal, kannel());
    portal.clock.advance({ hours: 1 });
    const before = await countTo(handset.number);
    let refused = 0;
    let presses = 0;
    while (presses < 50) {
      // A sign-in lasts ten minutes; then the password is given again, which asks for a message too.
      const at = presses % 20 === 0 ? portal : twin;
      const { visitor } = await askByText(at, { person }, fromAnywhere(at));
      presses += 1;
      for (let count = 0; count < 7 && presses < 50; count += 1) {
        portal.clock.advance({ seconds: 70 });
        presses += 1;
        if ((await pressAgain(visitor)).text.includes('You have asked for many messages')) refused += 1;
      }
    }
    assert.equal((await countTo(handset.number)) - before, 5);
    assert.ok(refused > 30, String(refused));
  });

  it('thirty accounts at once with numbers of one range, at two processes, are as many messages as its ceiling', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => askNewly(index % 2 === 0 ? portal : twin, newNumber('15209'))),
    );
    assert.equal(await countTo('+4915209'), 20);
    assert.equal(answers.filter((text) => text.includes('We sent a message')).length, 20);
    assert.equal(answers.filter((text) => text.includes('Many messages went to numbers like')).length, 10);
    assert.match(await askNewly(twin, newNumber('15210')), /We sent a message/, 'another range is another matter');
  });

  it('ten accounts that all give one number as theirs are five messages to whoever has it', async () => {
    const number = newNumber();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => askNewly(index % 2 === 0 ? portal : twin, number)),
    );
    assert.equal(await countTo(number), 5);
    assert.equal(answers.filter((text) => /Many messages went to \+49\*{6}\d\d\./.test(text)).length, 5);
  });

  it('of numbers of other countries and of premium ranges none gets that far', async () => {
    const before = (await kannel().delivered()).length;
    const visitor = fromAnywhere(portal);
    await signInWith(visitor, (await portal.addPerson()).email);
    for (const [number, why] of [
      ['+53 5 1234567', /don’t go to that country/],
      ['+252 61 2345678', /don’t go to that country/],
      ['+1 876 210 1234', /don’t go to that country/],
      ['+881 612 345678', /can’t get text messages/],
      ['+979 123 456789', /can’t get text messages/],
      ['+44 70 1234 5678', /can’t get text messages/],
      ['+44 909 876 5432', /can’t get text messages/],
      ['+49 900 1234567', /can’t get text messages/],
      ['+1 900 234 5678', /can’t get text messages/],
      [`${newNumber()} +449999999999`, /Enter one number/],
    ] as const) {
      const answer = await visitor.submit(setUp, { number, country: 'DE' }, { from: `${setUp}?number=other` });
      assert.equal(answer.status, 422, number);
      assert.match(answer.text, why, number);
    }
    assert.equal((await visitor.get(setUp)).forms.filter(({ action }) => action === `${setUp}/send`).length, 0);
    assert.equal(await countTo('+'), before + 1, 'the last one alone');
  });

  it('a country that is taken off the list gets no code any more, also who had a number there before', async () => {
    const [first] = await openTwo();
    const owner = await addOwner(first, kannel(), { handset: new Handset(kannel(), '+12025550123') });
    const { databaseName, keys, clock } = {
      databaseName: first.database.connection.name,
      keys: first.keys,
      clock: first.clock,
    };
    const narrowed = await openPortalAt(kannel(), { databaseName, keys, clock, environment: { SMS_COUNTRIES: 'DE' } });
    try {
      clock.advance({ hours: 1 });
      const { page } = await askByText(narrowed, owner);
      assert.match(page.text, /Text messages don’t go to the country of \+1\*{6}23 any more\. Use another way/);
      await countTo('+', first);
      assert.equal(await owner.handset.unread(), 0);
      await answerByText((await askByText(first, owner)).visitor, owner.handset);
    } finally {
      await narrowed.close();
    }
  });

  it('the day’s budget of all processes together is the end of it: people read so, and staff are told once', async () => {
    const [first, second] = await openTwo({ SMS_DAILY_BUDGET: '6' });
    await staffOf(first)('master-admin');
    // The day is not to end meanwhile.
    first.clock.advance({ seconds: 86_400 - (Math.floor(first.clock.now().getTime() / 1000) % 86_400) });
    const answers: string[] = [];
    for (let count = 0; count < 10; count += 1)
      answers.push(await askNewly(count % 2 === 0 ? first : second, newNumber('16090')));
    assert.equal(answers.filter((text) => text.includes('We sent a message')).length, 6);
    assert.equal(
      answers.filter((text) =>
        text.includes('No more text messages can be sent today. Use another way, or ask for help'),
      ).length,
      4,
    );
    assert.equal(await countTo('+4916090', first), 6);
    const mails = (await first.mails()).filter(({ subject }) => subject.includes('budget of text messages is used up'));
    assert.deepEqual(
      mails.map(({ to }) => to),
      ['master-admin@staff.example'],
    );
    const noted = { event: 'sms.budget-used-up' };
    assert.equal(await first.database.connection.collection('auditEvents').countDocuments(noted), 1);
    first.clock.advance({ hours: 24 });
    assert.match(await askNewly(second, newNumber('16090')), /We sent a message/, 'the next day');
  });

  it('staff stop everything at once, in all processes, and let it leave again', async () => {
    const owner = await addOwner(portal, kannel());
    portal.clock.advance({ hours: 1 });
    const master = await staffOf(portal)('master-admin');
    const change = async (what: 'stop' | 'resume') => {
      const path = `/staff/factors/sms/${what}`;
      const fields = { reason: 'A flood from one range', ...(what === 'stop' ? { country: '' } : {}) };
      assert.equal((await master.submit(path, fields, { from: path })).status, 303);
    };
    const { visitor } = await askByText(twin, owner);
    await owner.handset.next();
    await change('stop');
    portal.clock.advance({ minutes: 2 });
    const stopped = /No text messages are being sent at the moment\. Use another way, or ask for help/;
    assert.match((await pressAgain(visitor)).text, stopped);
    for (const at of [portal, twin]) {
      assert.match((await askByText(at, owner)).page.text, stopped);
      assert.match(await askNewly(at, newNumber('15788')), stopped);
    }
    await change('resume');
    await pressAgain(visitor);
    await answerByText(visitor, owner.handset);
    assert.equal(await countTo('+4915788'), 0, 'nor afterwards');
    assert.equal(await owner.handset.unread(), 0);
  });
});
