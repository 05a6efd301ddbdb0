import assert from 'node:assert/strict';
import { Types } from 'mongoose';
import { assertUnchanged } from '../../../../test/attacks/support/database.ts';
import { isSignedIn, signInByPassword } from '../../../../test/attacks/support/people.ts';
import { anyDriver, driverIds, driverOf, type Enrolled, type FactorDriver } from '../../../../test/support/driver.ts';
import { burst, type Visitor } from '../../../../test/support/http.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, signInWith, withPortal, type TestPortal } from '../../../../test/support/portal.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import type { NewPerson } from '../../../accounts/people.ts';
import type { Person } from '../../../kernel/person.ts';

const path = '/account/mfa/disable';
const challenge = '/sign-in/challenge';

describe('Turning the second step on and off', () => {
  let portal: TestPortal;
  let driver: FactorDriver;
  let ada: Person;
  let visitor: Visitor;
  let device: Enrolled;
  before(async function () {
    driver = await anyDriver(this);
    // Nothing is written in the background while a test compares what is stored.
    portal = await openTestPortal({ environment: { JOBS: 'off' } });
  });
  after(() => portal.close());
  beforeEach(async () => {
    ({ person: ada, visitor, device } = await enrolled());
  });

  async function enrolled(person: Partial<NewPerson> = {}) {
    const added = await portal.addPerson(person);
    const browser = portal.visitor();
    await signInWith(browser, added.email);
    const held = await driver.enrol(browser, portal.clock.now());
    portal.clock.advance({ seconds: 60 });
    return { person: added, visitor: browser, device: held };
  }
  const code = () => driver.code(device, portal.clock.now());
  const turnOff = (typed: string) => visitor.submit(path, { code: typed }, { from: path });
  const enrolments = (person: Person) => portal.engine.enrolments.activeOf(person.id);

  it('is in the account menu, which swaps with the state', async () => {
    const fresh = await signInByPassword(portal, await portal.addPerson());
    const before = await fresh.get('/home');
    assert.match(before.text, /Enable MFA/);
    assert.doesNotMatch(before.text, /Disable MFA/);
    const set = await fresh.get('/account/mfa/enable');
    const primary = (await Promise.all(driverIds().map(driverOf))).filter(({ role }) => role === 'primary');
    assert.equal(set.location, primary.length === 1 ? `/account/factors/${driver.id}` : '/account/security');
    const after = await visitor.get('/home');
    assert.match(after.text, /Disable MFA/);
    assert.doesNotMatch(after.text, /Enable MFA/);
    await assertValidHtml(after.html, '/home');
  });

  it('asks for the current code: none, a wrong one and a used one leave it on', async () => {
    const page = await visitor.get(path);
    assert.equal(page.status, 200);
    await assertValidHtml(page.html, path);
    assert.match(page.text, /Turn off the second step\?/);
    const used = code();
    const other = portal.visitor();
    await signInWith(other, ada.email);
    await other.submit(challenge, { code: used }, { from: challenge });
    for (const typed of ['', driver.wrongCode(device, portal.clock.now()), used]) {
      const refused = await turnOff(typed);
      assert.equal(refused.status, 422, typed);
      await assertValidHtml(refused.html, path);
    }
    assert.equal((await enrolments(ada)).length, 1);
    assert.ok(await isSignedIn(other));
  });

  it('takes everything away, ends the other sign-ins, tells by one mail, and asks for the password alone from then on', async () => {
    const recovery = (await Promise.all(driverIds().map(driverOf))).filter(({ role }) => role === 'recovery');
    for (const one of recovery) await one.enrol(visitor, portal.clock.now());
    await driver.enrol(visitor, portal.clock.now(), 'Second phone');
    portal.clock.advance({ seconds: 60 });
    const other = portal.visitor();
    await signInWith(other, ada.email);
    await other.submit(challenge, { code: code() }, { from: challenge });
    portal.clock.advance({ seconds: 60 });
    const mailsBefore = (await portal.mails()).filter(({ to }) => to === ada.email).length;
    const done = await visitor.follow(await turnOff(code()));
    assert.equal(done.url.pathname, '/account/security');
    assert.match(done.text, /The second step is off/);
    assert.match(done.text, /Enable MFA/);
    assert.deepEqual(await enrolments(ada), []);
    assert.equal(
      await portal.database.connection.collection('enrolments').countDocuments({ personId: ada.id }),
      0,
      'its secret is gone',
    );
    assert.equal(await isSignedIn(other), false);
    const mails = (await portal.mails()).filter(({ to }) => to === ada.email);
    assert.equal(mails.length, mailsBefore + 1);
    assert.ok(mails.some(({ subject }) => subject.endsWith('Your second step was turned off')));
    const [row] = (await portal.audit.latest({ personId: ada.id }, 50)).filter(
      ({ event }) => event === 'mfa.turned-off',
    );
    assert.equal(row?.detail?.['removed'], 2 + recovery.length);
    assert.equal((await signInWith(portal.visitor(), ada.email)).location, '/home');
  });

  it('happens once when ten press with one code', async () => {
    const typed = code();
    const answers = await burst(10, () => visitor.clone().holdSubmit(path, { code: typed }, { from: path }));
    assert.equal(
      answers.filter(({ status }) => status === 303).length,
      1,
      answers.map(({ status }) => status).join(' '),
    );
    const rows = (await portal.audit.latest({ personId: ada.id }, 50)).filter(
      ({ event }) => event === 'mfa.turned-off',
    );
    assert.equal(rows.length, 1);
  });

  it('is not there for whom it is required of, by staff or for all staff, page and forged form alike', async () => {
    const required = await enrolled({ staffWord: 'required' });
    const staff = await enrolled({ kind: 'staff', profile: 'admin' });
    for (const member of [required, staff]) {
      const security = await member.visitor.get('/account/security');
      assert.doesNotMatch(security.html, /mfa\/disable|Disable MFA/);
      assert.match(security.text, /You cannot turn the second step off yourself\. Ask the people who run this portal/);
      assert.equal((await member.visitor.get(path)).status, 403);
      const token = security.forms[0]?.hidden.get('_csrf') ?? '';
      await assertUnchanged(
        portal,
        async () => {
          const typed = driver.code(member.device, portal.clock.now());
          const answer = await member.visitor.submit(path, { code: typed, _csrf: token }, { hidden: false });
          assert.equal(answer.status, 403);
        },
        'a forged form',
      );
      // Refused before the code was looked at: it still signs in.
      const again = portal.visitor();
      await signInWith(again, member.person.email);
      const typed = driver.code(member.device, portal.clock.now());
      assert.equal((await again.submit(challenge, { code: typed }, { from: challenge })).status, 303);
    }
  });

  it('is refused as well once the policy lets nobody, and for who has nothing set up', async () => {
    const plain = await signInByPassword(portal, await portal.addPerson());
    assert.equal((await plain.get(path)).status, 403);
    await withPortal(async (strict) => {
      await setPolicy(strict, { userMayDisable: 'never' });
      const browser = strict.visitor();
      await signInWith(browser, (await strict.addPerson()).email);
      await driver.enrol(browser, strict.clock.now());
      assert.doesNotMatch((await browser.get('/home')).text, /Disable MFA/);
      assert.equal((await browser.get(path)).status, 403);
    });
  });

  it('names who can help where the operator says who', async () => {
    await withPortal(
      async (helped) => {
        const browser = helped.visitor();
        await signInWith(browser, (await helped.addPerson({ staffWord: 'required' })).email);
        await driver.enrol(browser, helped.clock.now());
        const page = await browser.get('/account/security');
        assert.match(page.text, /You cannot turn the second step off yourself\. Who can help: Room 3, 555-0100/);
      },
      { environment: { HELP_CONTACT: 'Room 3, 555-0100' } },
    );
  });

  it('names the company’s administrators where it is they who require it', async () => {
    await setPolicy(portal, { companyAdmins: 'manageAndRequire' });
    const company = await portal.companies.create('Harbour Logistics');
    const member = await enrolled({ company });
    await portal.accounts.edit(member.person.id, { companyWord: 'required', companyAdmin: true });
    const ask = async () => (await member.visitor.get('/account/security')).text;
    assert.match(await ask(), /yourself\. Ask the people who run this portal/, 'nobody to ask but oneself');
    for (const [name, more] of [
      ['Boss One', { companyAdmin: true }],
      ['Boss Two', { companyAdmin: true }],
      ['Boss Gone', { companyAdmin: true, disabled: true }],
      ['No Boss', {}],
    ] as const)
      await portal.addPerson({ name, company, ...more });
    await portal.addPerson({ name: 'Boss Elsewhere', companyAdmin: true });
    assert.match(await ask(), /yourself\. Ask your company’s administrators: Boss One, Boss Two\. /);
    await portal.accounts.edit(member.person.id, { staffWord: 'required' });
    assert.match(
      await ask(),
      /yourself\. Ask the people who run this portal/,
      'staff’s word is not theirs to take back',
    );
  });

  it('is announced with its day while a grace is running', async () => {
    const person = await portal.addPerson({ staffWord: 'required' });
    const graceUntil = new Date(portal.clock.now().getTime() + 3 * 86_400_000);
    await portal.database.connection
      .collection('people')
      .updateOne({ _id: new Types.ObjectId(person.id) }, { $set: { graceUntil } });
    const browser = await signInByPassword(portal, person);
    const page = await browser.get('/account/security');
    const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' }).format(graceUntil);
    assert.ok(page.text.includes(`You are required to set up a second step by ${day}`), page.text);
    await assertValidHtml(page.html, '/account/security');
  });

  it('offers another one of a factor only while there may be more', async () => {
    const limit = portal.engine.factors.get(driver.id)?.definition.limits.enrolments ?? 10;
    for (let count = 1; count < limit; count += 1) {
      assert.match((await visitor.get('/account/security')).text, /Add another/);
      await driver.enrol(visitor, portal.clock.now(), `Phone ${String(count)}`);
    }
    const page = await visitor.get('/account/security');
    assert.doesNotMatch(page.text, /Add another/);
    assert.equal((await enrolments(ada)).length, limit);
  });
});
