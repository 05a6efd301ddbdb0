// The preset `pick-one-method`: a person picks text messages or an app, one at a time.
import assert from 'node:assert/strict';
import type { Person } from '../../modules/kernel/person.ts';
import { signInByPassword } from '../attacks/support/people.ts';
import type { Answer, Visitor } from '../support/http.ts';
import { totpCode } from '../support/rfc-totp.ts';
import {
  afterPassword,
  app,
  challenge,
  enrolFreely,
  give,
  keyOn,
  linksOf,
  nextCode,
  openUnder,
  portalPages,
  signInWithCode,
  signsInByPassword,
  type PresetPortal,
} from './support/preset.ts';
import {
  anotherCode,
  describeWithPhone,
  messagesTo,
  newestCode,
  newNumber,
  phone,
  save,
  send,
  signInByText,
} from './support/phone.ts';

const security = '/account/security';
const disable = '/account/mfa/disable';

describeWithPhone('Preset pick-one-method', () => {
  let under: PresetPortal;
  before(async () => {
    under = await openUnder('pick-one-method');
  });
  after(() => under.portal.close());
  beforeEach(() => {
    // All of them come from one address, for which only so many messages leave in an hour.
    under.portal.clock.advance({ minutes: 61 });
  });

  async function signedIn(more: Parameters<PresetPortal['portal']['addPerson']>[0] = {}) {
    const person = await under.portal.addPerson(more);
    return { person, visitor: await signInByPassword(under.portal, person) };
  }

  const isEnrolled = async ({ id }: Person) => (await under.portal.engine.enrolments.activeOf(id)).length > 0;

  /** One method's section of the security page. */
  function sectionOf(page: Answer, name: string): string {
    const sections = page.html.split('<section').filter((section) => section.includes(`>${name}</h2>`));
    assert.equal(sections.length, 1, name);
    return (sections[0] ?? '').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
  }

  /** Add Number, Verify Number, Enable authentication. */
  async function enable(visitor: Visitor, number = newNumber()): Promise<string> {
    const { portal } = under;
    const saved = await save(visitor, number);
    if (!saved.html.includes('Enable authentication')) {
      await send(visitor);
      const code = await newestCode(portal, number);
      assert.equal((await visitor.submit(`${phone}/confirm`, { code }, { from: phone })).status, 303);
    }
    const done = await visitor.submit(`${phone}/enable`, {}, { from: phone });
    assert.equal(done.location, security, done.text);
    return number;
  }

  /** Turns the factor off by a code that is texted for that. */
  async function turnOff(visitor: Visitor, number: string): Promise<Answer> {
    under.portal.clock.advance({ seconds: 1 });
    await visitor.submit(disable, { begin: 'yes' }, { from: disable });
    return visitor.submit(disable, { code: await newestCode(under.portal, number) }, { from: disable });
  }

  it('W1 A user may activate 2FA and chooses between the methods', async () => {
    const { visitor } = await signedIn();
    const before = await visitor.get(security);
    assert.match(sectionOf(before, 'Authenticator app'), /Recommended.*Connect device/);
    assert.match(sectionOf(before, 'Text message'), /Recommended.*Add Number/);
    await enrolFreely(under.portal, visitor);
    const after = await visitor.get(security);
    assert.match(sectionOf(after, 'Authenticator app'), / On /);
    assert.match(sectionOf(after, 'Text message'), / Off /);
  });

  it('W2 Path: name, Edit Profile, Security', async () => {
    const { person, visitor } = await signedIn();
    const home = await visitor.get('/home');
    const menu = /<details class="menu">[\s\S]*?<\/details>/.exec(home.html)?.[0] ?? '';
    assert.match(menu, new RegExp(`<span class="menu-name">${person.name}</span>`));
    const edit = linksOf(home, '/account/').find(({ text }) => text === 'Edit Profile');
    const profile = await visitor.get(edit?.href ?? '');
    assert.match(profile.html, /<h1>Edit Profile<\/h1>/);
    const main = { ...profile, html: profile.html.slice(profile.html.indexOf('<main')) };
    const link = linksOf(main, '/account/').find(({ text }) => text === 'Security');
    assert.match((await visitor.get(link?.href ?? '')).text, /Authenticator app/);
  });

  it('W3 Changing the method requires deactivating the original first', async () => {
    const { portal } = under;
    const { visitor } = await signedIn();
    const number = await enable(visitor);
    const blocked = sectionOf(await visitor.get(security), 'Authenticator app');
    assert.match(blocked, /One method at a time: turn off the one you have, then set up another\./);
    assert.doesNotMatch(blocked, /Connect device/);
    const forced = await visitor.get(app);
    assert.equal(forced.status, 403);
    assert.match(forced.text, /One method at a time/);
    assert.equal((await turnOff(visitor, number)).status, 303);
    assert.match(sectionOf(await visitor.get(security), 'Authenticator app'), /Connect device/);
    const secret = await enrolFreely(portal, visitor);
    assert.match(sectionOf(await visitor.get(security), 'Text message'), /One method at a time/, 'the other way round');
    assert.equal((await visitor.get(phone)).status, 403);
    await visitor.submit(disable, { code: nextCode(portal, secret) }, { from: disable });
    await enable(visitor);
  });

  it('W4 "Add Number", confirmed with "Save"', async () => {
    const { person, visitor } = await signedIn();
    const link = linksOf(await visitor.get(security), phone)[0];
    assert.match(link?.text ?? '', /^Add Number/);
    assert.match((await visitor.get(phone)).html, /<h1>Add Number<\/h1>[\s\S]*<button[^>]*>Save<\/button>/);
    const number = newNumber();
    const saved = await save(visitor, number);
    assert.match(saved.text, /not verified yet/);
    assert.ok(!(await isEnrolled(person)));
    assert.ok(await signsInByPassword(under.portal, person), 'it is of no use for signing in');
    assert.deepEqual(await messagesTo(under.portal, number), []);
  });

  it('W5 "Verify Number", then "Send Code"', async () => {
    const { visitor } = await signedIn();
    const number = newNumber();
    const page = await save(visitor, number);
    assert.match(page.html, /<h1>Verify Number<\/h1>[\s\S]*<button[^>]*>Send Code<\/button>/);
    for (let look = 0; look < 3; look += 1) await visitor.get(phone);
    await visitor.get(`${phone}/send`);
    assert.deepEqual(await messagesTo(under.portal, number), [], 'no look at a page sends anything');
    await send(visitor);
    await visitor.get(phone);
    assert.equal((await messagesTo(under.portal, number)).length, 1);
    await send(visitor);
    assert.equal((await messagesTo(under.portal, number)).length, 1, 'not again within a minute');
    under.portal.clock.advance({ seconds: 61 });
    await send(visitor);
    assert.equal((await messagesTo(under.portal, number)).length, 2);
  });

  it('W6 Enter the SMS code in the page', async () => {
    const { person, visitor } = await signedIn();
    const number = newNumber();
    await save(visitor, number);
    await send(visitor);
    const code = await newestCode(under.portal, number);
    const wrong = await visitor.submit(`${phone}/confirm`, { code: anotherCode(code) }, { from: phone });
    assert.equal(wrong.status, 422);
    assert.match(wrong.text, /That code is not right/);
    const right = await visitor.submit(`${phone}/confirm`, { code }, { from: phone });
    assert.equal(right.status, 303);
    assert.match((await visitor.get(phone)).text, /is verified/);
    assert.ok(!(await isEnrolled(person)));
  });

  it('W7 Then an SMS is sent at EVERY login attempt', async () => {
    const { portal } = under;
    const { person, visitor } = await signedIn();
    const number = await enable(visitor);
    for (let time = 1; time <= 3; time += 1) {
      portal.clock.advance({ minutes: 1 });
      const before = (await messagesTo(portal, number)).length;
      const { visitor: next } = await afterPassword(portal, person);
      for (let look = 0; look < 3; look += 1) await next.get(challenge);
      assert.equal((await messagesTo(portal, number)).length, before + 1, 'exactly one');
      assert.equal((await give(next, await newestCode(portal, number))).status, 303);
    }
  });

  it('W8 "Change number" and "Delete number"', async () => {
    const { portal } = under;
    const { person, visitor } = await signedIn();
    const old = await enable(visitor);
    const section = (await visitor.get(security)).html;
    assert.match(section, /Change number/);
    assert.match(section, /Delete number/);
    await visitor.submit(`${phone}/change`, {}, { from: `${phone}/change` });
    const fresh = newNumber();
    await save(visitor, fresh);
    await send(visitor);
    await signInByText(portal, person, old);
    assert.equal((await messagesTo(portal, fresh)).length, 1, 'the new one gets no code of a sign-in yet');
    const code = await newestCode(portal, fresh);
    assert.equal((await visitor.submit(`${phone}/confirm`, { code }, { from: phone })).status, 303);
    await visitor.submit(`${phone}/enable`, {}, { from: phone });
    await signInByText(portal, person, fresh);
    assert.ok((await messagesTo(portal, old)).some((text) => text.includes('this number gets no more codes')));
    const mails = (await portal.mails()).filter(({ channel, to }) => channel === 'mail' && to === person.email);
    assert.ok(
      mails.some(({ subject }) => /removed|changed/i.test(subject)),
      mails.map((one) => one.subject).join(),
    );
    const again = await signInByText(portal, person, fresh);
    const removal = linksOf(await again.get(security), '/account/enrolments/').find(({ text }) =>
      text.startsWith('Delete number'),
    );
    const path = removal?.href ?? '';
    portal.clock.advance({ seconds: 1 });
    await again.submit(path, { begin: 'yes' }, { from: path });
    const deleted = await again.submit(path, { code: await newestCode(portal, fresh) }, { from: path });
    assert.equal(deleted.status, 303, deleted.text);
    assert.ok(await signsInByPassword(portal, person));
  });

  it('W9 A number verified by another person of the account needs no new verification', async () => {
    const { portal } = under;
    const company = await portal.companies.create('Wnine');
    const ada = await signedIn({ company });
    const number = await enable(ada.visitor);
    const count = async () => (await messagesTo(portal, number)).length;
    const before = await count();
    const bob = await signedIn({ company });
    const page = await save(bob.visitor, number);
    assert.match(page.html, /<button[^>]*>Enable authentication<\/button>/);
    await enable(bob.visitor, number);
    assert.equal(await count(), before, 'no message');
    await signInByText(portal, bob.person, number);
    const stranger = await signedIn({ company: await portal.companies.create('Another') });
    assert.match((await save(stranger.visitor, number)).html, /<button[^>]*>Send Code<\/button>/);
  });

  it('W10 "Enable authentication" is the explicit activation', async () => {
    const { portal } = under;
    const { person, visitor } = await signedIn();
    const number = newNumber();
    await save(visitor, number);
    await send(visitor);
    await visitor.submit(`${phone}/confirm`, { code: await newestCode(portal, number) }, { from: phone });
    assert.ok(!(await isEnrolled(person)));
    assert.ok(await signsInByPassword(portal, person), 'verified, and not asked for');
    assert.match((await visitor.get(phone)).html, /<button[^>]*>Enable authentication<\/button>/);
    assert.equal((await visitor.submit(`${phone}/enable`, {}, { from: phone })).status, 303);
    await signInByText(portal, person, number);
  });

  it('W11 "Connect device"', async () => {
    const { visitor } = await signedIn();
    const link = linksOf(await visitor.get(security), app)[0];
    assert.match(link?.text ?? '', /^Connect device/);
    assert.match((await visitor.get(app)).html, /<button[^>]*>Connect device<\/button>/);
  });

  it('W12 Help: open the app, Add Account or "+", scan or enter the manual code (Google Authenticator, Authy)', async () => {
    const { visitor } = await signedIn();
    const page = await visitor.follow(await visitor.submit(app, {}, { from: app }));
    assert.match(page.text, /Install Google Authenticator or Authy/);
    assert.match(
      page.text,
      /Open the app, choose “Add Account” or “\+”, and scan the QR code or enter the manual code/,
    );
  });

  it('W13 The QR code appears only after "Display QR Code"', async () => {
    const { visitor } = await signedIn();
    const page = await visitor.follow(await visitor.submit(app, {}, { from: app }));
    assert.doesNotMatch(page.html, /qr\.svg|otpauth|secret-key/);
    const click = linksOf(page, app).find(({ text }) => text === 'Display QR Code');
    const shown = await visitor.get(click?.href ?? '');
    assert.match(shown.html, /qr\.svg/);
    assert.match(keyOn(shown), /^[A-Z2-7]{32}$/);
  });

  it('W14 then "Verify" and enter the time-limited code to activate', async () => {
    const { portal } = under;
    const { person, visitor } = await signedIn();
    await visitor.submit(app, {}, { from: app });
    const page = await visitor.get(`${app}?show=key`);
    assert.match(page.html, /<button[^>]*>Verify<\/button>/);
    const isEnrolled = async () => (await portal.engine.enrolments.activeOf(person.id)).length > 0;
    const old = totpCode({ secret: keyOn(page), at: portal.clock.now(), stepOffset: -20 });
    assert.equal((await visitor.submit(`${app}/confirm`, { code: old })).status, 422);
    assert.ok(!(await isEnrolled()));
    assert.equal((await visitor.submit(`${app}/confirm`, { code: nextCode(portal, keyOn(page)) })).status, 303);
    assert.ok(await isEnrolled());
  });

  it('W15 The app’s code is required at every login; keep the app installed', async () => {
    const { portal } = under;
    const { person, visitor } = await signedIn();
    assert.match((await visitor.get(app)).text, /Keep the app installed: you need it at every sign-in/);
    const secret = await enrolFreely(portal, visitor);
    for (let time = 0; time < 2; time += 1) {
      const { visitor: next } = await afterPassword(portal, person);
      for (const path of portalPages) assert.equal((await next.get(path)).location, challenge, path);
      await next.get(challenge);
      assert.equal((await next.follow(await give(next, nextCode(portal, secret)))).url.pathname, '/home');
    }
  });

  it('W16 In addition to the standard credentials', async () => {
    const { portal } = under;
    const { person, visitor } = await signedIn();
    const secret = await enrolFreely(portal, visitor);
    const stranger = portal.visitor();
    assert.match((await stranger.get(challenge)).location ?? '', /^\/sign-in/);
    const code = nextCode(portal, secret);
    const fields = { email: person.email, password: code, code };
    assert.equal((await stranger.submit('/sign-in', fields, { from: '/sign-in' })).status, 422);
    const { hidden } = (await stranger.get('/sign-in')).forms[0] ?? assert.fail();
    const forged = await stranger.submit(challenge, { code, _csrf: hidden.get('_csrf') ?? '' }, { hidden: false });
    assert.equal(forged.status, 403);
    assert.match((await stranger.get('/home')).location ?? '', /^\/sign-in/, 'a code alone signs nobody in');
    await signInWithCode(portal, person, secret);
  });
});
