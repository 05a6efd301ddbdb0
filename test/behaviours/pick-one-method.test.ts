// The preset `pick-one-method`: a person picks one of several methods. The rows that speak of the app, and of one method at a time;
// in the place of text messages stands the factor of docs/add-a-factor.md, for the rule is the engine's and knows no factor by name.
import assert from 'node:assert/strict';
import type { Person } from '../../modules/kernel/person.ts';
import { describeWithAuthenticator } from '../attacks/support/authenticator.ts';
import { signInByPassword } from '../attacks/support/people.ts';
import { treeWithExample } from '../support/example-factor.ts';
import type { Answer, Visitor } from '../support/http.ts';
import { decodeBase32, hotpCode, totpCode } from '../support/rfc-totp.ts';
import { removeTemporaryFolder } from '../support/temporary-folder.ts';
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
  type PresetPortal,
} from './support/preset.ts';

const security = '/account/security';
const disable = '/account/mfa/disable';
const other = '/account/factors/fob';
const otherKey = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const otherCode = (counter: number) => hotpCode({ key: decodeBase32(otherKey), counter });

describeWithAuthenticator('Preset pick-one-method', () => {
  let under: PresetPortal;
  let tree: { root: string; factors: string };
  before(async () => {
    tree = treeWithExample({ 'presets/pick-one-method.json': '{ "enabled": true }' });
    under = await openUnder('pick-one-method', { factorsFolder: tree.factors });
  });
  after(async () => {
    await under.portal.close();
    removeTemporaryFolder(tree.root);
  });

  async function signedIn(): Promise<{ person: Person; visitor: Visitor }> {
    const person = await under.portal.addPerson();
    return { person, visitor: await signInByPassword(under.portal, person) };
  }

  /** One method's section of the security page. */
  function sectionOf(page: Answer, name: string): string {
    const sections = page.html.split('<section').filter((section) => section.includes(`>${name}</h2>`));
    assert.equal(sections.length, 1, name);
    return (sections[0] ?? '').replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
  }

  async function enrolOther(visitor: Visitor): Promise<void> {
    const done = await visitor.submit(other, { key: otherKey, code: otherCode(0) }, { from: other });
    assert.equal(done.status, 303, done.text);
  }

  it('W1 A user may activate 2FA and chooses between the methods', async () => {
    const { visitor } = await signedIn();
    const before = await visitor.get(security);
    assert.match(sectionOf(before, 'Authenticator app'), /Recommended.*Connect device/);
    assert.match(sectionOf(before, 'Key fob'), /Recommended.*Set up/);
    await enrolFreely(under.portal, visitor);
    const after = await visitor.get(security);
    assert.match(sectionOf(after, 'Authenticator app'), / On /);
    assert.match(sectionOf(after, 'Key fob'), / Off /);
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
    await enrolOther(visitor);
    const blocked = sectionOf(await visitor.get(security), 'Authenticator app');
    assert.match(blocked, /One method at a time: turn off the one you have, then set up another\./);
    assert.doesNotMatch(blocked, /Connect device/);
    const forced = await visitor.get(app);
    assert.equal(forced.status, 403);
    assert.match(forced.text, /One method at a time/);
    const off = await visitor.submit(disable, { code: otherCode(1) }, { from: disable });
    assert.equal(off.status, 303, off.text);
    assert.match(sectionOf(await visitor.get(security), 'Authenticator app'), /Connect device/);
    const secret = await enrolFreely(portal, visitor);
    assert.match(sectionOf(await visitor.get(security), 'Key fob'), /One method at a time/, 'and the other way round');
    assert.equal((await visitor.get(other)).status, 403);
    await visitor.submit(disable, { code: nextCode(portal, secret) }, { from: disable });
    await enrolOther(visitor);
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
