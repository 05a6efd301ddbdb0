import assert from 'node:assert/strict';
import { driver } from '../../modules/factors/totp/test/driver.ts';
import { openTestPortal, password, signInWith, type TestPortal } from '../support/portal.ts';

describe('Signing in', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  it('takes a password alone from a contact who has set up nothing and need not', async () => {
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    const answer = await signInWith(visitor, ada.email);
    const home = await visitor.follow(answer);
    assert.equal(home.status, 200, home.text);
    assert.match(home.text, /Hello, Ada Lovelace/);
  });

  it('leads a required contact to the set-up and nowhere else, then asks for a code at each sign-in', async () => {
    const ada = await portal.addPerson({ staffWord: 'required' });
    const visitor = portal.visitor();
    const first = await visitor.follow(await signInWith(visitor, ada.email));
    assert.equal(first.url.pathname, '/account/factors/totp');
    assert.notEqual((await visitor.get('/home')).status, 200);
    const enrolled = await driver.enrol(visitor, portal.clock.now());
    const home = await visitor.get('/home');
    assert.equal(home.status, 200, home.text);
    await visitor.submit('/sign-out', {}, { from: '/home' });
    assert.notEqual((await visitor.get('/home')).status, 200);

    portal.clock.advance({ seconds: 60 });
    const challenge = await visitor.follow(await signInWith(visitor, ada.email));
    assert.equal(challenge.url.pathname, '/sign-in/challenge', challenge.text);
    assert.notEqual((await visitor.get('/home')).status, 200);
    const wrong = await visitor.submit('/sign-in/challenge', { code: driver.wrongCode(enrolled, portal.clock.now()) });
    assert.equal(wrong.status, 422);
    const right = await visitor.submit('/sign-in/challenge', { code: driver.code(enrolled, portal.clock.now()) });
    const home2 = await visitor.follow(right);
    assert.equal(home2.url.pathname, '/home', home2.text);
  });

  it('says the same to a wrong password and an unknown address', async () => {
    const ada = await portal.addPerson();
    const one = await signInWith(portal.visitor(), ada.email, `${password}!`);
    const two = await signInWith(portal.visitor(), 'nobody@example.com', password);
    assert.equal(one.status, 422);
    assert.equal(one.text.replaceAll(ada.email, ''), two.text.replaceAll('nobody@example.com', ''));
  });
});
