// The preset `everyone-app`: one switch for all customers, an authenticator app, five backup codes.
import assert from 'node:assert/strict';
import QRCode from 'qrcode';
import type { Person } from '../../modules/kernel/person.ts';
import { describeWithAuthenticator } from '../attacks/support/authenticator.ts';
import { driverIds, driverOf } from '../support/driver.ts';
import type { Answer, Visitor } from '../support/http.ts';
import { totpCode } from '../support/rfc-totp.ts';
import {
  afterPassword,
  app,
  challenge,
  codes,
  give,
  keyOn,
  linksOf,
  nextCode,
  openUnder,
  pathOf,
  portalPages,
  reset,
  setSwitch,
  signInWithCode,
  signsInByPassword,
  uriOn,
  type PresetPortal,
} from './support/preset.ts';

const done = '/sign-in/done';
const switchPath = '/staff/settings/portal';

describeWithAuthenticator('Preset everyone-app', () => {
  let under: PresetPortal;
  before(async () => {
    under = await openUnder('everyone-app');
  });
  after(() => under.portal.close());

  const add = () => under.portal.addPerson();

  /** To the key: password, "Configure". */
  async function configure(person: Person): Promise<{ visitor: Visitor; page: Answer }> {
    const { visitor } = await afterPassword(under.portal, person);
    return { visitor, page: await visitor.follow(await visitor.submit(app, {}, { from: app })) };
  }

  /** To the screen after "Enable MFA". */
  async function enrol(person: Person): Promise<{ visitor: Visitor; secret: string; page: Answer }> {
    const { visitor, page } = await configure(person);
    const secret = keyOn(page);
    await visitor.follow(await visitor.submit(`${app}/next`));
    await visitor.follow(await visitor.submit(`${app}/verify`, { code: nextCode(under.portal, secret) }));
    return { visitor, secret, page: await visitor.follow(await visitor.submit(`${app}/enable`)) };
  }

  async function enrolWithCodes(test: Mocha.Context, person: Person) {
    if (!driverIds().includes('backup-codes')) test.skip();
    const at = await enrol(person);
    const paper = await (await driverOf('backup-codes')).enrol(at.visitor, under.portal.clock.now());
    return { ...at, list: [...(paper.codes ?? [])] };
  }

  const isEnrolled = async (person: Person) => (await under.portal.engine.enrolments.activeOf(person.id)).length > 0;

  it('Z1 Settings, General (Customer Portal): tick "Enable multi-factor authentication (MFA)", then Save', async () => {
    const master = await under.as('master-admin');
    const home = await master.get('/staff/settings');
    const link = linksOf(home, switchPath)[0];
    assert.equal(link?.text, 'General (Customer Portal)');
    const page = await master.get(link.href);
    assert.match(page.html, /<label for="required">Enable multi-factor authentication \(MFA\)<\/label>/);
    assert.match(page.html, />Save<\/button>/);
    const { version } = await under.portal.engine.policies.current('contact');
    await master.get(switchPath);
    assert.equal((await under.portal.engine.policies.current('contact')).version, version, 'a look stores nothing');
    await setSwitch(master, false);
    assert.equal((await under.portal.engine.policies.of('contact')).mode, 'off');
    await setSwitch(master, true);
    assert.equal((await under.portal.engine.policies.of('contact')).mode, 'required');
  });

  it('Z2 Once enabled, it is enabled for ALL customers', async () => {
    for (const person of [await add(), await add(), await add()])
      assert.equal((await afterPassword(under.portal, person)).page.url.pathname, app);
  });

  it('Z3 TOTP app, e.g. OneAuth or Google Authenticator, from Google Play or App Store', async () => {
    const { page } = await afterPassword(under.portal, await add());
    for (const name of ['OneAuth', 'Google Authenticator', 'Google Play', 'App Store'])
      assert.ok(page.text.includes(name), name);
  });

  it('Z4 After configuring: TOTP and credentials at every login', async () => {
    const { portal } = under;
    const ada = await add();
    const { secret } = await enrol(ada);
    for (let time = 0; time < 2; time += 1) {
      const { visitor } = await afterPassword(portal, ada);
      for (const path of portalPages) assert.equal((await visitor.get(path)).location, challenge, path);
      await visitor.get(challenge);
      assert.equal((await visitor.follow(await give(visitor, nextCode(portal, secret)))).url.pathname, '/home');
    }
  });

  it('Z5 After the credentials: the page "Enable MFA for your account" with the button "Configure"', async () => {
    const { page } = await afterPassword(under.portal, await add());
    assert.match(page.html, /<h1>Enable MFA for your account<\/h1>/);
    assert.match(page.html, /<title>Enable MFA for your account/);
    assert.match(page.html, /<button[^>]*>Configure<\/button>/);
    assert.doesNotMatch(page.html, /qr\.svg|otpauth/);
  });

  it('Z6 Scan the QR code, or enter the code manually', async () => {
    const { visitor, page } = await configure(await add());
    const key = keyOn(page);
    assert.equal(new URL(uriOn(page)).searchParams.get('secret'), key);
    const drawn = await QRCode.toString(uriOn(page), {
      type: 'svg',
      errorCorrectionLevel: 'M',
      margin: 2,
      color: { dark: '#000000', light: '#ffffff' },
    });
    assert.equal(
      (await visitor.get(`${app}/qr.svg`)).html,
      drawn,
      'the picture holds the key that is written beside it',
    );
    const code = totpCode({ secret: key, at: under.portal.clock.now() });
    assert.equal((await visitor.submit(`${app}/verify`, { code }, { from: `${app}/code` })).location, `${app}/enable`);
  });

  it('Z7 "Next" once the app shows an OTP', async () => {
    const { visitor, page } = await configure(await add());
    assert.match(page.html, /<button[^>]*>Next<\/button>/);
    assert.ok(!page.forms.some(({ fieldNames }) => fieldNames.has('code')), 'a step of its own');
    const next = await visitor.follow(await visitor.submit(`${app}/next`));
    assert.ok(next.forms.some(({ fieldNames }) => fieldNames.has('code')));
    assert.equal(keyOn(await visitor.get(app)), keyOn(page), 'the same secret from step to step');
  });

  it('Z8 Enter the OTP, then "Verify"; a wrong one keeps the same secret', async () => {
    const { portal } = under;
    const { visitor, page } = await configure(await add());
    const secret = keyOn(page);
    const asked = await visitor.follow(await visitor.submit(`${app}/next`));
    assert.match(asked.html, /<button[^>]*>Verify<\/button>/);
    const right = nextCode(portal, secret);
    const wrong = await visitor.submit(`${app}/verify`, { code: right === '000000' ? '000001' : '000000' });
    assert.equal(wrong.status, 422);
    assert.match(wrong.text, /That code was not right/);
    for (let reload = 0; reload < 2; reload += 1) assert.equal(keyOn(await visitor.get(app)), secret);
    assert.equal((await visitor.submit(`${app}/verify`, { code: right }, { from: `${app}/code` })).status, 303);
    const anew = await visitor.follow(await visitor.submit(`${app}/start-again`, {}, { from: app }));
    assert.notEqual(keyOn(anew), secret, 'only "Start again" makes a new one');
  });

  it('Z9 then "Enable MFA", an explicit last step', async () => {
    const { portal } = under;
    const ada = await add();
    const { visitor, page } = await configure(ada);
    const early = await visitor.get(`${app}/enable`);
    assert.equal(early.location, app, 'not before "Verify"');
    const verified = await visitor.submit(
      `${app}/verify`,
      { code: nextCode(portal, keyOn(page)) },
      { from: `${app}/code` },
    );
    const last = await visitor.follow(verified);
    assert.match(last.html, /<button[^>]*>Enable MFA<\/button>/);
    assert.ok(!(await isEnrolled(ada)), 'verified is not enrolled');
    await visitor.submit(`${app}/enable`);
    assert.ok(await isEnrolled(ada));
  });

  it('Z10 Optional "Generate Backup Codes" on that screen', async function () {
    if (!driverIds().includes('backup-codes')) this.skip();
    const ada = await add();
    const { visitor, page, secret } = await enrol(ada);
    assert.equal(page.url.pathname, done);
    assert.equal(linksOf(page, codes)[0]?.text, 'Generate Backup Codes');
    assert.equal((await visitor.submit(done)).location, '/sign-in', 'without codes, too');
    const later = await signInWithCode(under.portal, ada, secret);
    assert.equal(linksOf(await later.get('/account/security'), codes).length, 1, 'offered later still');
    const { visitor: bob } = await enrol(await add());
    const made = await bob.submit(codes, {}, { from: codes });
    assert.equal(made.status, 200, 'in the answer to the POST');
    assert.match(made.html, /id="backup-codes"/);
  });

  it('Z11 "Download" or "Copy" the codes', async function () {
    const { visitor, list } = await enrolWithCodes(this, await add());
    const again = await visitor.submit(codes, {}, { from: codes });
    assert.match(again.html, /<button[^>]*>Download<\/button>/);
    assert.match(again.html, /<button[^>]*hidden data-copy="backup-codes"[^>]*>[\s\S]*?Copy/, 'a comfort of scripts');
    const fresh = [...again.html.matchAll(/<li>([\dA-Z-]+)<\/li>/g)].map(([, code = '']) => code);
    assert.equal(fresh.length, 5, 'else they are plain text that can be selected');
    const file = await visitor.submit(`${codes}/download`);
    assert.match(String(file.headers['content-type']), /^text\/plain/);
    assert.match(String(file.headers['content-disposition']), /^attachment/);
    for (const code of fresh) assert.ok(file.html.includes(code));
    assert.ok(!file.html.includes(list[0] ?? ''));
  });

  it('Z12 "Continue to Sign In"', async function () {
    const { visitor } = await enrolWithCodes(this, await add());
    const made = await visitor.submit(codes, {}, { from: codes });
    assert.equal(linksOf(made, done)[0]?.text, 'Continue', 'back from the codes to the screen');
    const screen = await visitor.get(done);
    assert.match(screen.html, /<button[^>]*>Continue to Sign In<\/button>/);
    const left = await visitor.submit(done);
    assert.equal(left.location, '/sign-in');
    assert.match((await visitor.follow(left)).html, /type="password"/);
    assert.match((await visitor.get('/home')).location ?? '', /^\/sign-in/, 'nobody is signed in');
  });

  it('Z13 5 codes, each usable once', async function () {
    const { portal } = under;
    const ada = await add();
    const { list } = await enrolWithCodes(this, ada);
    assert.equal(list.length, 5);
    assert.equal(new Set(list).size, 5);
    const use = async (code: string) => {
      const { visitor } = await afterPassword(portal, ada);
      await visitor.submit('/sign-in/methods', { factor: 'backup-codes' }, { from: '/sign-in/methods' });
      return (await give(visitor, code)).status;
    };
    for (const code of list.slice(0, 4)) assert.equal(await use(code), 303);
    assert.equal(await use(list[0] ?? ''), 422, 'used already');
    assert.equal(await use((list[4] ?? '').replace(/^5/, '6')), 422, 'there is no sixth');
    assert.equal(await use(list[4] ?? ''), 303);
    const { page } = await afterPassword(portal, ada);
    assert.doesNotMatch(page.text, /Use a backup code/, 'none is left to be used');
  });

  it('Z14 A backup code replaces TOTP when MFA is not possible', async function () {
    const { portal } = under;
    const ada = await add();
    const { list } = await enrolWithCodes(this, ada);
    const { visitor, page } = await afterPassword(portal, ada);
    assert.equal(page.url.pathname, challenge);
    assert.match(page.html, /<button class="link-button" type="submit">Use a backup code<\/button>/);
    const asked = await visitor.follow(await visitor.submit('/sign-in/methods'));
    assert.match(asked.text, /Enter a backup code/);
    assert.equal((await visitor.follow(await give(visitor, list[2] ?? ''))).url.pathname, '/home');
  });

  it('Z15 After that the customer logs in using TOTP', async () => {
    const ada = await add();
    const { visitor, secret } = await enrol(ada);
    await visitor.submit(done);
    const home = await (await signInWithCode(under.portal, ada, secret)).get('/home');
    assert.match(home.text, /Your password and a second step|password and a second step/);
  });

  it('Z16 Admin reset: Customers, customer, gear next to the e-mail, "Reset Portal MFA"', async () => {
    const { portal, as } = under;
    const company = await portal.companies.create('Zsixteen');
    const [ada, bob] = [await portal.addPerson({ company }), await portal.addPerson({ company })];
    await enrol(ada);
    await enrol(bob);
    const before = JSON.stringify(await portal.engine.enrolments.activeOf(bob.id));
    const admin = await as('admin');
    for (const path of [`/staff/customers/${company.id}`, pathOf(ada)]) {
      const page = await admin.get(path);
      const email = page.html.indexOf(ada.email, page.html.indexOf('<h1'));
      const gear = page.html.slice(email, page.html.indexOf('</details>', email));
      assert.match(
        gear,
        new RegExp(`<details class="gear">.*href="${pathOf(ada, '/reset-mfa')}">Reset Portal MFA</a>`, 's'),
      );
    }
    await reset(admin, ada);
    assert.ok(!(await isEnrolled(ada)));
    assert.equal(JSON.stringify(await portal.engine.enrolments.activeOf(bob.id)), before, 'one customer only');
  });

  it('Z17 After a reset the customer must configure again to log in (while MFA is on)', async function () {
    const { portal, as } = under;
    const ada = await add();
    const { secret, list } = await enrolWithCodes(this, ada);
    await reset(await as('admin'), ada);
    const { visitor, page } = await afterPassword(portal, ada);
    assert.match(page.text, /Enable MFA for your account/);
    assert.equal((await visitor.get(challenge)).location, '/', 'no code of before is even asked for');
    await visitor.submit(app, {}, { from: app });
    const old = nextCode(portal, secret);
    assert.equal((await visitor.submit(`${app}/verify`, { code: old }, { from: `${app}/code` })).status, 422);
    const fresh = await enrol(ada);
    await fresh.visitor.submit(done);
    const { visitor: later } = await afterPassword(portal, ada);
    assert.equal((await give(later, list[0] ?? '')).status, 422);
    assert.equal((await give(later, nextCode(portal, secret))).status, 422);
  });

  describe('with the switch off again', () => {
    before(async () => {
      await setSwitch(await under.as('master-admin'), true);
    });
    afterEach(async () => {
      await setSwitch(await under.as('master-admin'), true);
    });
    const off = async () => {
      await setSwitch(await under.as('master-admin'), false);
    };

    it('Z18 Global OFF: customers who configured it already must still use TOTP', async () => {
      const [ada, bob] = [await add(), await add()];
      const { secret } = await enrol(ada);
      await off();
      await signInWithCode(under.portal, ada, secret);
      assert.ok(await signsInByPassword(under.portal, bob));
    });

    it('Z19 To remove MFA for those: reset each', async () => {
      const ada = await add();
      await enrol(ada);
      await off();
      await reset(await under.as('admin'), ada);
      assert.ok(await signsInByPassword(under.portal, ada), 'neither a code nor a set-up');
    });

    it('Z20 Disable: untick and Save; the portal then asks nobody new', async () => {
      await off();
      const page = await (await under.as('master-admin')).get(switchPath);
      assert.doesNotMatch(page.html, /id="required"[^>]*checked/);
      assert.ok(await signsInByPassword(under.portal, await add()));
    });
  });
});
