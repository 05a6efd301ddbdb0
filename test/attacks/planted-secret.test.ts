/**
 * Whoever knows the password of somebody who has no factor yet, or who has two, tries to choose or strip the second factor:
 * by a set-up that the victim then confirms, by a session from before the set-up, and by two removals at once.
 * TOTP-8, TOTP-10, SES-10, SES-12.
 */
import assert from 'node:assert/strict';
import { anyDriver, type FactorDriver } from '../support/driver.ts';
import { burst } from '../support/http.ts';
import { openTestPortal, signInWith, type TestPortal } from '../support/portal.ts';
import { chooseApp } from './support/people.ts';

describe('A second factor that a stranger would like to choose', () => {
  let portal: TestPortal;
  let driver: FactorDriver;
  before(async function () {
    driver = await anyDriver(this);
    portal = await openTestPortal();
  });
  after(() => portal.close());

  const page = () => `/account/factors/${driver.id}`;
  const keyOn = (html: string) => /secret=([A-Z2-7]+)/.exec(html)?.[1];

  it('is not planted: a set-up is seen and confirmed in the sign-in that began it, and nowhere else', async () => {
    const victim = await portal.addPerson({ staffWord: 'required' });
    const thief = portal.visitor();
    await thief.follow(await signInWith(thief, victim.email));
    const planted = keyOn((await chooseApp(thief)).html);
    assert.ok(planted);

    const owner = portal.visitor();
    await owner.follow(await signInWith(owner, victim.email));
    assert.notEqual(keyOn((await chooseApp(owner)).html), planted, 'the stranger’s set-up is not there');
    const enrolled = await driver.enrol(owner, portal.clock.now());
    assert.notEqual(enrolled.secret, planted);

    const late = await thief
      .submit(`${page()}/confirm`, { code: driver.code({ secret: planted }, portal.clock.now()) }, { hidden: true })
      .catch(() => null);
    assert.notEqual(late?.location, '/home');
    assert.notEqual((await thief.get('/home')).status, 200, 'and the stranger is out');
    const again = portal.visitor();
    portal.clock.advance({ seconds: 60 });
    await again.follow(await signInWith(again, victim.email));
    const refused = await again.submit('/sign-in/challenge', {
      code: driver.code({ secret: planted }, portal.clock.now()),
    });
    assert.equal(refused.status, 422, 'the planted key opens nothing');
  });

  it('does not wait in two half-way sign-ins: of two set-ups confirmed at once, one counts', async () => {
    const victim = await portal.addPerson({ staffWord: 'required' });
    const browsers = [portal.visitor(), portal.visitor()];
    const codes: string[] = [];
    for (const browser of browsers) {
      await browser.follow(await signInWith(browser, victim.email));
      const secret = keyOn((await chooseApp(browser)).html) ?? '';
      codes.push(driver.code({ secret }, portal.clock.now()));
    }
    await burst(2, (index) =>
      browsers[index]!.holdSubmit(`${page()}/confirm`, { code: codes[index]! }, { from: page() }),
    );
    const rows = await portal.engine.enrolments.activeOf(victim.id);
    assert.equal(rows.length, 1);
  });

  it('is not added by a session from before it, which the password alone had opened', async () => {
    const victim = await portal.addPerson();
    const thief = portal.visitor();
    await thief.follow(await signInWith(thief, victim.email));
    assert.equal((await thief.get('/home')).status, 200);
    await portal.database.connection
      .collection('people')
      .updateOne({ email: victim.email }, { $set: { staffWord: 'required' } });
    const owner = portal.visitor();
    await owner.follow(await signInWith(owner, victim.email));
    await driver.enrol(owner, portal.clock.now());
    assert.equal((await owner.get('/home')).status, 200);
    assert.notEqual((await thief.get('/home')).status, 200, 'the set-up ended every other sign-in');
    assert.notEqual((await thief.get(page())).status, 200);
  });

  it('is not stripped by two removals at once, each of which counts on the other one staying', async () => {
    const person = await portal.addPerson({ staffWord: 'required' });
    const browser = portal.visitor();
    await browser.follow(await signInWith(browser, person.email));
    const one = await driver.enrol(browser, portal.clock.now(), 'One');
    const two = await driver.enrol(browser, portal.clock.now(), 'Two');
    portal.clock.advance({ seconds: 60 });
    const other = portal.visitor();
    await other.follow(await signInWith(other, person.email));
    await other.submit('/sign-in/challenge', { code: driver.code(one, portal.clock.now()) });
    portal.clock.advance({ seconds: 60 });
    const ids = (await portal.engine.enrolments.activeOf(person.id)).map((row) => row._id.toHexString());
    const now = portal.clock.now();
    const answers = await burst(2, (index) =>
      [browser, other][index]!.holdSubmit(`/account/enrolments/${ids[index]!}/remove`, {
        code: driver.code([two, one][index]!, now),
      }),
    );
    const left = await portal.engine.enrolments.activeOf(person.id);
    assert.equal(left.length, 1, answers.map(({ status }) => status).join(' '));
  });
});
