import assert from 'node:assert/strict';
import { anyDriver } from '../../../../test/support/driver.ts';
import { burst } from '../../../../test/support/http.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import { driver, messagesTo, newNumber } from './driver.ts';
import { anotherCode, asked, codeTo, countTo, give, security, setUp, signedIn, withPhone } from './people.ts';

describe('Setting a phone up', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());
  beforeEach(() => {
    // All of them come from one address, for which only so many messages leave in an hour.
    portal.clock.advance({ minutes: 61 });
  });

  const other = `${setUp}?number=other`;

  async function someone() {
    const person = await portal.addPerson();
    const visitor = portal.visitor();
    await signInWith(visitor, person.email);
    return { person, visitor };
  }

  it('refuses what is not one mobile number of an allowed country, says why and keeps what was typed', async () => {
    const { person, visitor } = await someone();
    const cases: readonly (readonly [string, string, RegExp])[] = [
      ['', 'DE', /Enter your mobile number/],
      ['+12025550123 +449999999999', 'US', /Enter one number/],
      ['+12025550123,+12025550124', 'US', /Enter one number/],
      ['+12025550123&to=+449999999999', 'US', /Enter one number/],
      ['+1202555\r\n0123', 'US', /Enter one number/],
      ['1'.repeat(40), 'DE', /Enter one number/],
      ['call me', 'DE', /Enter one number/],
      ['+49 151', 'DE', /no number of that country/],
      ['0151 1', 'DE', /no number of that country/],
      ['+49 30 901820', 'DE', /can’t get text messages/],
      ['0800 3301000', 'DE', /can’t get text messages/],
      ['0900 1234567', 'DE', /can’t get text messages|no number/],
      ['+1 876 555 1234', 'US', /don’t go to that country/],
      ['+7 912 345 67 89', 'DE', /don’t go to that country/],
      ['+882 16 12345678', 'DE', /can’t get|don’t go|no number/],
      ['0151 23456789', 'XX', /no number of that country/],
    ];
    for (const [number, country, why] of cases) {
      const answer = await visitor.submit(setUp, { number, country, name: 'Mine' }, { from: other });
      assert.equal(answer.status, 422, number);
      assert.match(answer.text, why, number);
      assert.match(answer.html, /value="Mine"/, 'the name is kept');
    }
    const rows = portal.database.connection.collection('enrolments');
    assert.equal(await rows.countDocuments({ personId: person.id }), 0);
    assert.equal((await portal.outbox.kept(1000)).filter(({ channel }) => channel === 'text').length, 0);
  });

  it('takes a number as people write it, in its country or in full', async () => {
    const { visitor } = await someone();
    for (const [number, country, masked] of [
      ['(202) 555-0123', 'US', '+1******23'],
      ['0151 / 234 567 89', 'DE', '+49******89'],
      ['+44 7911 123456', 'DE', '+44******56'],
      ['０１５１２３４５６７８８', 'DE', '+49******88'],
    ] as const) {
      const saved = await visitor.submit(setUp, { number, country }, { from: other });
      // The British number stands for its own country: Guernsey has that prefix too, and is not on the list.
      if (saved.status !== 303) {
        assert.match(saved.text, /don’t go to that country/, number);
        continue;
      }
      assert.ok((await visitor.get(setUp)).text.includes(masked), number);
    }
  });

  it('is not offered to staff, as the only factor or as one of several', async function () {
    const app = await anyDriver(this);
    const staff = await portal.addPerson({ kind: 'staff' });
    const visitor = portal.visitor();
    assert.equal(
      (await visitor.follow(await signInWith(visitor, staff.email))).url.pathname,
      `/account/factors/${app.id}`,
    );
    assert.notEqual((await visitor.get(setUp)).status, 200);
    await app.enrol(visitor, portal.clock.now());
    assert.equal((await visitor.get(setUp)).status, 404);
    assert.doesNotMatch((await visitor.get(security)).text, /Text message/);
  });

  it('says what is weaker about text messages before anything is set up, and puts the app first', async () => {
    const person = await portal.addPerson({ staffWord: 'required' });
    const visitor = portal.visitor();
    const choice = await visitor.follow(await signInWith(visitor, person.email));
    assert.ok(choice.text.indexOf('Authenticator app') < choice.text.indexOf('Text message'));
    const page = await visitor.follow(await visitor.submit('/sign-in/enrol', { factor: driver.id }));
    assert.match(page.text, /can be intercepted, and phone numbers taken over/);
  });

  it('confirms a phone in the sign-in that began it, and nowhere else', async () => {
    const person = await portal.addPerson();
    const [one, two] = [portal.visitor(), portal.visitor()];
    for (const visitor of [one, two]) await signInWith(visitor, person.email);
    const { secret } = await driver.begin(one, portal.clock.now());
    const code = await codeTo(portal, secret);
    const form = await two.get(setUp);
    assert.ok(!form.forms.some(({ action }) => action === `${setUp}/confirm`), 'there is no set-up to confirm');
    const token = form.forms.map(({ hidden }) => hidden.get('_csrf')).find(Boolean) ?? '';
    await two.submit(`${setUp}/confirm`, { code, _csrf: token }, { hidden: false });
    assert.equal((await portal.engine.enrolments.activeOf(person.id)).length, 0);
  });

  it('takes a right code once when twenty send it at once, and five wrong ones', async () => {
    const { person, visitor } = await someone();
    const { secret } = await driver.begin(visitor, portal.clock.now());
    const code = await codeTo(portal, secret);
    await burst(20, () => visitor.clone().holdSubmit(`${setUp}/confirm`, { code }, { from: setUp }));
    assert.equal((await portal.engine.enrolments.activeOf(person.id)).length, 1);
    const next = await someone();
    const begun = await driver.begin(next.visitor, portal.clock.now());
    const right = await codeTo(portal, begun.secret);
    for (let count = 1; count <= 5; count += 1) {
      const wrong = await next.visitor.submit(`${setUp}/confirm`, { code: anotherCode(right, count) }, { from: setUp });
      assert.equal(wrong.status, 422);
    }
    assert.equal((await next.visitor.submit(`${setUp}/confirm`, { code: right }, { from: setUp })).status, 422);
    assert.equal((await portal.engine.enrolments.activeOf(next.person.id)).length, 0);
    const sent = await countTo(portal, begun.secret);
    for (let time = 0; time < 2; time += 1) {
      await next.visitor.submit(setUp, { number: begun.secret }, { from: other });
      portal.clock.advance({ minutes: 2 });
      await next.visitor.submit(`${setUp}/send`, {}, { from: setUp });
      assert.equal(await countTo(portal, begun.secret), sent, 'saving the number again gives no new tries');
      assert.match((await next.visitor.get(setUp)).text, /Too many wrong codes/);
    }
    portal.clock.advance({ minutes: 16 });
    next.visitor = portal.visitor();
    await signInWith(next.visitor, next.person.email);
    const again = await driver.enrol(next.visitor, portal.clock.now());
    assert.ok(again.secret, 'another number begins anew');
  });

  it('waits between messages also where another number is saved', async () => {
    const { visitor } = await someone();
    await driver.begin(visitor, portal.clock.now());
    const second = newNumber();
    await visitor.submit(setUp, { number: second }, { from: other });
    await visitor.submit(`${setUp}/send`, {}, { from: setUp });
    assert.equal(await countTo(portal, second), 0);
    assert.match((await visitor.get(setUp)).text, /You can ask for a new one in 60 seconds/);
    portal.clock.advance({ seconds: 61 });
    await visitor.submit(`${setUp}/send`, {}, { from: setUp });
    assert.equal(await countTo(portal, second), 1);
  });

  it('waits between messages also where the set-up was cancelled, or begun in another sign-in', async () => {
    const { person, visitor } = await someone();
    await driver.begin(visitor, portal.clock.now());
    await visitor.submit(`${setUp}/cancel`, {}, { from: setUp });
    const elsewhere = portal.visitor();
    await signInWith(elsewhere, person.email);
    const [here, there] = [newNumber(), newNumber()];
    for (const [at, next] of [
      [visitor, here],
      [elsewhere, there],
    ] as const) {
      await at.submit(setUp, { number: next }, { from: other });
      assert.match((await at.get(setUp)).text, /You can ask for a new one in (?:60|59) seconds/);
      await burst(5, () => at.clone().holdSubmit(`${setUp}/send`, {}, { from: setUp }));
      assert.equal(await countTo(portal, next), 0);
    }
    portal.clock.advance({ seconds: 61 });
    assert.doesNotMatch((await elsewhere.get(setUp)).text, /You can ask for a new one/);
    await elsewhere.submit(`${setUp}/send`, {}, { from: setUp });
    await visitor.submit(`${setUp}/send`, {}, { from: setUp });
    assert.deepEqual([await countTo(portal, here), await countTo(portal, there)], [0, 1]);
    assert.match((await elsewhere.get(setUp)).text, /We sent a message/);
    assert.match((await visitor.get(setUp)).text, /not verified yet.*You can ask for a new one in/);
  });

  it('does not wait after a message that the guard kept back, nor after a code that came back', async () => {
    const narrow = await openTestPortal({ environment: { SMS_PREFIX_PER_HOUR: '1', SMS_PREFIX_PER_DAY: '1' } });
    try {
      await setPolicy(narrow, { factors: { [driver.id]: { enabled: true, activation: 'explicit' } } });
      const visitor = narrow.visitor();
      await signInWith(visitor, (await narrow.addPerson()).email);
      const send = async (number: string) => {
        await visitor.submit(setUp, { number }, { from: other });
        await visitor.submit(`${setUp}/send`, {}, { from: setUp });
      };
      const first = narrow.visitor();
      await signInWith(first, (await narrow.addPerson()).email);
      await first.submit(setUp, { number: '+4915112345678' }, { from: other });
      await first.submit(`${setUp}/send`, {}, { from: setUp });
      await send('+4915112345679');
      assert.match((await visitor.get(setUp)).text, /Many messages went to numbers like/);
      await visitor.submit(`${setUp}/cancel`, {}, { from: setUp });
      await send('+4917112345678');
      assert.equal(await countTo(narrow, '+4917112345678'), 1);
      const code = await codeTo(narrow, '+4917112345678');
      await visitor.submit(`${setUp}/confirm`, { code }, { from: setUp });
      await visitor.submit(`${setUp}/cancel`, {}, { from: setUp });
      await send('+4917612345678');
      assert.equal(await countTo(narrow, '+4917612345678'), 1);
    } finally {
      await narrow.close();
    }
  });

  describe('under a policy that spares colleagues’ numbers a message (C8)', () => {
    const trusting = { [driver.id]: { enabled: true, activation: 'explicit', trustVerifiedAccountNumbers: true } };
    before(() => setPolicy(portal, { factors: trusting }));
    after(() => setPolicy(portal, { factors: {} }));

    async function colleague(company: Awaited<ReturnType<typeof portal.companies.create>>) {
      const person = await portal.addPerson({ company });
      const visitor = portal.visitor();
      await signInWith(visitor, person.email);
      return { person, visitor };
    }

    async function verified(company: Awaited<ReturnType<typeof portal.companies.create>>) {
      const ada = await colleague(company);
      const { secret } = await driver.begin(ada.visitor, portal.clock.now());
      await ada.visitor.submit(`${setUp}/confirm`, { code: await codeTo(portal, secret) }, { from: setUp });
      await ada.visitor.submit(`${setUp}/enable`, {}, { from: setUp });
      return { ...ada, number: secret };
    }

    it('asks again at the last step: a policy or a colleague that is gone by then spares nothing', async () => {
      const company = await portal.companies.create('Northwind');
      const ada = await verified(company);
      const bob = await colleague(company);
      await bob.visitor.submit(setUp, { number: ada.number }, { from: other });
      assert.match((await bob.visitor.get(setUp)).text, /already verified for a colleague/);
      await setPolicy(portal, {
        factors: { [driver.id]: { ...trusting[driver.id], trustVerifiedAccountNumbers: false } },
      });
      await bob.visitor.submit(`${setUp}/enable`, {}, { from: setUp });
      await setPolicy(portal, { factors: trusting });
      assert.equal((await portal.engine.enrolments.activeOf(bob.person.id)).length, 0);
      assert.match((await bob.visitor.get(setUp)).text, /not verified yet/);
    });

    it('takes nobody’s word who was spared a message themselves', async () => {
      const company = await portal.companies.create('Northwind');
      const ada = await verified(company);
      const bob = await colleague(company);
      await bob.visitor.submit(setUp, { number: ada.number }, { from: other });
      await bob.visitor.submit(`${setUp}/enable`, {}, { from: setUp });
      assert.equal((await portal.engine.enrolments.activeOf(bob.person.id)).length, 1);
      for (const row of await portal.engine.enrolments.activeOf(ada.person.id))
        await portal.engine.enrolments.remove(row);
      const cora = await colleague(company);
      await cora.visitor.submit(setUp, { number: ada.number }, { from: other });
      assert.match((await cora.visitor.get(setUp)).text, /not verified yet/);
    });

    it('is no way to look numbers up: only so many may be saved', async () => {
      const { visitor } = await someone();
      for (let count = 0; count < 20; count += 1)
        assert.equal((await visitor.submit(setUp, { number: newNumber() }, { from: other })).status, 303);
      assert.equal((await visitor.submit(setUp, { number: newNumber() }, { from: other })).status, 429);
    });
  });
});

describe('Changing the number', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());
  beforeEach(() => {
    portal.clock.advance({ minutes: 61 });
  });

  const change = `${setUp}/change`;

  it('asks for a proof by the number that is there, keeps it until the new one is verified, and tells it and the mailbox', async () => {
    const owner = await withPhone(portal);
    const { person, number: old } = owner;
    const visitor = await signedIn(portal, owner);
    const elsewhere = await signedIn(portal, owner);
    const refused = await visitor.get(change);
    assert.match(refused.location ?? '', /^\/account\/confirm/, 'a session alone changes nothing');
    const forced = await visitor.submit(change, {}, { from: security, hidden: false }).catch(() => null);
    assert.notEqual(forced?.location, setUp);
    await visitor.submit('/account/confirm', { begin: 'yes' }, { from: '/account/confirm' });
    await visitor.submit('/account/confirm', { code: await codeTo(portal, old) }, { from: '/account/confirm' });
    assert.equal((await visitor.submit(change, {}, { from: change })).location, setUp);

    const fresh = newNumber();
    await visitor.submit(setUp, { number: fresh }, { from: `${setUp}?number=other` });
    await visitor.submit(`${setUp}/send`, {}, { from: setUp });
    portal.clock.advance({ minutes: 2 });
    const meanwhile = await asked(portal, person);
    assert.equal(await countTo(portal, fresh), 1, 'codes of sign-ins go on to the old number');
    assert.equal((await give(meanwhile, await codeTo(portal, old))).status, 303);
    const done = await visitor.submit(`${setUp}/confirm`, { code: await codeTo(portal, fresh) }, { from: setUp });
    assert.equal(done.location, security, done.text);

    const rows = await portal.engine.enrolments.activeOf(person.id);
    assert.equal(rows.length, 1);
    assert.notEqual((await elsewhere.get(security)).status, 200, 'other sessions end');
    assert.ok(
      (await messagesTo(old, portal.visitor())).some((text) => text.includes('this number gets no more codes')),
    );
    const subjects = (await portal.mails()).filter(({ to }) => to === person.email).map(({ subject }) => subject);
    assert.ok(
      subjects.some((subject) => subject.includes('removed')),
      subjects.join(),
    );
    portal.clock.advance({ minutes: 2 });
    await asked(portal, person);
    assert.equal(await countTo(portal, fresh), 2);
  });

  it('can be left: Cancel gives the old number back what it was, at once', async () => {
    const owner = await withPhone(portal);
    const visitor = await signedIn(portal, owner);
    await visitor.submit('/account/confirm', { begin: 'yes' }, { from: '/account/confirm' });
    await visitor.submit(
      '/account/confirm',
      { code: await codeTo(portal, owner.number) },
      { from: '/account/confirm' },
    );
    await visitor.submit(change, {}, { from: change });
    assert.equal((await visitor.submit(`${setUp}/cancel`, {}, { from: setUp })).location, security);
    assert.equal((await visitor.get(setUp)).location, change, 'no set-up is under way');
    const [row] = await portal.engine.enrolments.activeOf(owner.person.id);
    assert.equal(row?.replacement, null);
  });

  /** Confirms that it is the owner, by the number that is there. */
  async function confirmed(owner: Awaited<ReturnType<typeof withPhone>>) {
    const visitor = await signedIn(portal, owner);
    await visitor.submit('/account/confirm', { begin: 'yes' }, { from: '/account/confirm' });
    await visitor.submit(
      '/account/confirm',
      { code: await codeTo(portal, owner.number) },
      { from: '/account/confirm' },
    );
    return visitor;
  }

  it('tells the old number also where whoever changes it has used up all messages before', async () => {
    const narrow = await openTestPortal({
      environment: { SMS_UNCONFIRMED_PER_HOUR: '3', SMS_MESSAGES_PER_HOUR: '3', SMS_MESSAGES_PER_DAY: '9' },
    });
    try {
      await setPolicy(narrow, { factors: { [driver.id]: { enabled: true, activation: 'explicit' } } });
      const person = await narrow.addPerson();
      const first = narrow.visitor();
      await signInWith(first, person.email);
      const { secret: old } = await driver.enrol(first, narrow.clock.now());
      await first.submit(`${setUp}/enable`, {}, { from: setUp });
      narrow.clock.advance({ minutes: 61 });
      // One message for the sign-in, one for the proof, one for the set-up: there is none left.
      const visitor = await signedIn(narrow, { person, visitor: first, number: old });
      const proof = '/account/confirm';
      await visitor.submit(proof, { begin: 'yes' }, { from: proof });
      await visitor.submit(proof, { code: await codeTo(narrow, old) }, { from: proof });
      await visitor.submit(change, {}, { from: change });
      const { secret: fresh } = await driver.enrol(visitor, narrow.clock.now());
      await visitor.submit(`${setUp}/enable`, {}, { from: setUp });
      const told = await messagesTo(old, narrow.visitor());
      assert.ok(told.some((text) => text.includes('this number gets no more codes')));
      narrow.clock.advance({ minutes: 2 });
      await asked(narrow, person);
      assert.equal(await countTo(narrow, fresh), 1, 'codes are at their end');
    } finally {
      await narrow.close();
    }
  });

  it('begun again and again sends no faster', async () => {
    const owner = await withPhone(portal);
    const visitor = await confirmed(owner);
    const numbers = Array.from({ length: 4 }, newNumber);
    for (const number of numbers) {
      await visitor.submit(change, {}, { from: change });
      await visitor.submit(setUp, { number }, { from: `${setUp}?number=other` });
      await visitor.submit(`${setUp}/send`, {}, { from: setUp });
    }
    const counts = await Promise.all(numbers.map((number) => countTo(portal, number)));
    assert.deepEqual(counts, [1, 0, 0, 0]);
    assert.match((await visitor.get(setUp)).text, /You can ask for a new one in/);
    portal.clock.advance({ seconds: 61 });
    await visitor.submit(`${setUp}/send`, {}, { from: setUp });
    assert.equal(await countTo(portal, numbers[3] ?? ''), 1);
  });

  it('left half-way costs nothing: an app that is added then stands beside the number', async function () {
    const app = await anyDriver(this);
    const owner = await withPhone(portal);
    const visitor = await confirmed(owner);
    await visitor.submit(change, {}, { from: change });
    await app.enrol(visitor, portal.clock.now());
    const factors = (await portal.engine.enrolments.activeOf(owner.person.id)).map(({ factor }) => factor);
    assert.deepEqual(factors.sort(), [driver.id, app.id].sort());
  });

  it('is no way round "one method at a time": it opens the set-up of no other factor', async function () {
    const app = await anyDriver(this);
    await setPolicy(portal, { multiple: 'single' });
    try {
      const owner = await withPhone(portal);
      const visitor = await confirmed(owner);
      await visitor.submit(change, {}, { from: change });
      assert.equal((await visitor.get(setUp)).status, 200);
      assert.equal((await visitor.get(`/account/factors/${app.id}`)).status, 403);
    } finally {
      await setPolicy(portal, { multiple: 'many' });
    }
  });

  it('stays shut where numbers are fixed, also by the way of replacing one factor by another', async function () {
    const app = await anyDriver(this);
    const owner = await withPhone(portal);
    const fixed = { [driver.id]: { enabled: true, userMayChangeNumber: false } };
    await setPolicy(portal, { mode: 'required', userMayDisable: 'never', multiple: 'single', factors: fixed });
    try {
      const visitor = await confirmed(owner);
      const [row] = await portal.engine.enrolments.activeOf(owner.person.id);
      const replace = `/account/enrolments/${row?._id.toHexString() ?? ''}/replace`;
      await visitor.submit(replace, { factor: app.id }, { from: replace });
      assert.equal((await visitor.get(setUp)).status, 403);
      const forged = await visitor.submit(replace, { factor: driver.id }, { from: replace });
      assert.notEqual(forged.location, setUp, forged.text);
      assert.equal((await visitor.get(setUp)).status, 403);
    } finally {
      await setPolicy(portal, { mode: 'optional', userMayDisable: 'unlessRequired', multiple: 'many', factors: {} });
    }
  });

  it('is not there where the policy keeps numbers fixed', async () => {
    const owner = await withPhone(portal);
    const visitor = await signedIn(portal, owner);
    await setPolicy(portal, { factors: { [driver.id]: { enabled: true, userMayChangeNumber: false } } });
    try {
      await visitor.submit('/account/confirm', { begin: 'yes' }, { from: '/account/confirm' });
      await visitor.submit(
        '/account/confirm',
        { code: await codeTo(portal, owner.number) },
        { from: '/account/confirm' },
      );
      assert.equal((await visitor.get(change)).status, 404);
      assert.doesNotMatch((await visitor.get(security)).text, /Change number/);
    } finally {
      await setPolicy(portal, { factors: {} });
    }
  });
});
