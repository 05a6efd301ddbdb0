// The preset `self-service-app`: people switch it on and off themselves; company administrators and staff may require it.
import assert from 'node:assert/strict';
import type { NewPerson } from '../../modules/accounts/people.ts';
import type { Person } from '../../modules/kernel/person.ts';
import { describeWithAuthenticator } from '../attacks/support/authenticator.ts';
import { signInByPassword } from '../attacks/support/people.ts';
import { setPolicy } from '../support/policy.ts';
import type { Answer, Visitor } from '../support/http.ts';
import { totpCode } from '../support/rfc-totp.ts';
import {
  afterPassword,
  app,
  challenge,
  editDetails,
  enrolForced,
  enrolFreely,
  keyOn,
  linksOf,
  nextCode,
  openUnder,
  pathOf,
  portalPages,
  signInWithCode,
  signsInByPassword,
  tokenOf,
  uriOn,
  type PresetPortal,
} from './support/preset.ts';

const disable = '/account/mfa/disable';
const menuOf = (page: Answer) => /<details class="menu">[\s\S]*?<\/details>/.exec(page.html)?.[0] ?? '';
const userPath = ({ id }: Person, rest = '') => `/company/users/${id}${rest}`;

describeWithAuthenticator('Preset self-service-app', () => {
  let under: PresetPortal;
  let company: { id: string; name: string };
  let boss: Person;
  before(async () => {
    under = await openUnder('self-service-app');
    company = await under.portal.companies.create('Harbour');
    boss = await addTo({ name: 'Bea Boss', companyAdmin: true });
  });
  after(() => under.portal.close());

  const addTo = (person: Partial<NewPerson> & { companyAdmin?: boolean } = {}) => addAs(company, person);

  async function addAs(
    to: { id: string; name: string },
    { companyAdmin = false, ...person }: Partial<NewPerson> & { companyAdmin?: boolean },
  ): Promise<Person> {
    const added = await under.portal.addPerson({ company: to, ...person });
    return (companyAdmin ? await under.portal.accounts.edit(added.id, { companyAdmin }) : added) ?? added;
  }

  const signIn = (person: Person) => signInByPassword(under.portal, person);
  const wordOf = async ({ id }: Person) => (await under.portal.accounts.byId(id))?.companyWord;

  /** Ticks, or unticks, "Required 2FA" as a company administrator. */
  async function require(by: Visitor, user: Person, ticked = true): Promise<Answer> {
    return by.submit(userPath(user, '/requirement'), ticked ? { required: 'yes' } : {}, { from: userPath(user) });
  }

  it('P1 Upper-right drop-down: "Enable 2FA"', async () => {
    const visitor = await signIn(await addTo());
    const menu = menuOf(await visitor.get('/home'));
    assert.match(menu, /<summary/, 'opens without a script');
    assert.match(menu, /href="\/account\/mfa\/enable">[\s\S]*?Enable 2FA<\/a>/);
    assert.equal((await visitor.follow(await visitor.get('/account/mfa/enable'))).url.pathname, app);
    await enrolFreely(under.portal, visitor);
    assert.doesNotMatch(menuOf(await visitor.get('/home')), /Enable 2FA/, 'only while there is none');
  });

  it('P2 Instructions: an authenticator app from your OS app store, Google Authenticator recommended', async () => {
    const visitor = await signIn(await addTo());
    await visitor.submit(app, {}, { from: app });
    const { text } = await visitor.get(app);
    assert.match(text, /from the app store of your phone’s operating system/);
    assert.match(text, /We recommend Google Authenticator/);
    assert.match(text, /Google Play/);
    assert.match(text, /App Store/);
  });

  it('P3 QR code AND manual authentication code both offered', async () => {
    const visitor = await signIn(await addTo());
    const page = await visitor.follow(await visitor.submit(app, {}, { from: app }));
    assert.match(page.html, /<img class="qr/);
    assert.equal(new URL(uriOn(page)).searchParams.get('secret'), keyOn(page));
    const code = totpCode({ secret: keyOn(page), at: under.portal.clock.now() });
    assert.equal((await visitor.submit(`${app}/confirm`, { code })).status, 303, 'an RFC 6238 app with the typed key');
  });

  it('P4 Drop-down: "Disable 2FA" when enabled', async () => {
    const { portal } = under;
    const visitor = await signIn(await addTo());
    assert.doesNotMatch(menuOf(await visitor.get('/home')), /Disable 2FA/);
    const secret = await enrolFreely(portal, visitor);
    const menu = menuOf(await visitor.get('/home'));
    assert.match(menu, /href="\/account\/mfa\/disable">[\s\S]*?Disable 2FA<\/a>/);
    await visitor.submit(disable, { code: nextCode(portal, secret) }, { from: disable });
    const after = menuOf(await visitor.get('/home'));
    assert.match(after, /Enable 2FA/);
    assert.doesNotMatch(after, /Disable 2FA/);
  });

  it('P5 If the option is missing, ask your account administrator', async () => {
    const { portal } = under;
    const ada = await addTo();
    await require(await signIn(boss), ada);
    const { visitor } = await enrolForced(portal, ada);
    const page = await visitor.get('/account/security');
    assert.doesNotMatch(page.html, /Disable 2FA/);
    assert.match(
      page.text,
      /You cannot turn the second step off yourself\. Ask your company’s administrators: Bea Boss\./,
    );
    const bob = await addTo({ staffWord: 'required' });
    const { visitor: other } = await enrolForced(portal, bob);
    assert.match(
      (await other.get('/account/security')).text,
      /Ask the people who run this portal/,
      'else the operator',
    );
  });

  it('P6 Disabling asks for the CURRENT authenticator code in a confirmation box, then Confirm', async () => {
    const { portal } = under;
    const ada = await addTo();
    const visitor = await signIn(ada);
    const secret = await enrolFreely(portal, visitor);
    const used = totpCode({ secret, at: portal.clock.now() });
    const box = await visitor.get(disable);
    assert.match(box.html, /<button[^>]*>Confirm<\/button>/);
    const old = totpCode({ secret, at: portal.clock.now(), stepOffset: -20 });
    for (const code of ['', used, old]) {
      assert.equal((await visitor.submit(disable, { code }, { from: disable })).status, 422, code);
      assert.equal((await portal.engine.enrolments.activeOf(ada.id)).length, 1);
    }
    const answer = await visitor.submit(disable, { code: nextCode(portal, secret) }, { from: disable });
    assert.equal(answer.status, 303, answer.text);
    assert.equal((await portal.engine.enrolments.activeOf(ada.id)).length, 0);
  });

  it('P7 After Confirm MFA is off for that login', async () => {
    const { portal } = under;
    const ada = await addTo();
    const visitor = await signIn(ada);
    const secret = await enrolFreely(portal, visitor);
    await visitor.submit(disable, { code: nextCode(portal, secret) }, { from: disable });
    assert.ok(await signsInByPassword(portal, ada));
    const rows = portal.database.connection.collection('enrolments');
    assert.equal(await rows.countDocuments({ personId: ada.id }), 0, 'the secret is gone from the database');
  });

  it('P8 Company administrators enforce per user: Admin tab, portal user, "Required 2FA"', async () => {
    const { portal, as } = under;
    const [ada, bob] = [await addTo({ name: 'Ada Eight' }), await addTo()];
    const stranger = await portal.addPerson({ name: 'Stranger Eight' });
    const admin = await signIn(boss);
    const tab = linksOf(await admin.get('/home'), '/company').find(({ text }) => text === 'Admin');
    const list = await admin.get(tab?.href ?? '');
    assert.ok(!list.text.includes('Stranger Eight'), 'own company only');
    const user = linksOf(list, '/company/users/').find(({ text }) => text === 'Ada Eight');
    const page = await admin.get(user?.href ?? '');
    assert.match(page.html, /<label for="required">Required 2FA<\/label>/);
    await require(admin, ada);
    assert.equal(await wordOf(ada), 'required');
    assert.equal(await wordOf(bob), 'inherit', 'saved for each user');
    assert.match((await admin.get(userPath(ada))).html, /id="required"[^>]*checked/);
    assert.equal((await admin.get(userPath(stranger))).status, 404);
    const fields = { required: 'yes', _csrf: await tokenOf(admin) };
    const forged = await admin.submit(userPath(stranger, '/requirement'), fields, { hidden: false });
    assert.equal(forged.status, 404);
    assert.equal(await wordOf(stranger), 'inherit');
    assert.equal((await (await signIn(bob)).get('/company')).status, 404, 'without the Admin tab');
    const staff = await (await as('sales-manager')).get(pathOf(bob, '/login-details'));
    assert.match(staff.html, /<label for="requireMfa">Required 2FA<\/label>/, 'staff have the same');
  });

  it('P9 Enforced users have no option to disable', async () => {
    const { portal } = under;
    const ada = await addTo();
    const visitor = await signIn(ada);
    const secret = await enrolFreely(portal, visitor);
    await require(await signIn(boss), ada);
    const page = await visitor.get('/account/security');
    assert.doesNotMatch(page.html, /Disable 2FA|mfa\/disable|\/remove"/);
    const [row] = await portal.engine.enrolments.activeOf(ada.id);
    for (const path of [disable, `/account/enrolments/${row?._id.toHexString() ?? ''}/remove`]) {
      const fields = { code: nextCode(portal, secret), _csrf: await tokenOf(visitor) };
      assert.equal((await visitor.submit(path, fields, { hidden: false })).status, 403, path);
    }
    assert.equal((await portal.engine.enrolments.activeOf(ada.id)).length, 1);
  });

  it('P10 Enforced but not configured: forced to configure at the first login', async () => {
    const { portal } = under;
    const ada = await addTo();
    await require(await signIn(boss), ada);
    const { visitor, page } = await afterPassword(portal, ada);
    assert.equal(page.url.pathname, app);
    for (const path of [...portalPages, '/healthz.json', '/account/mfa/disable', '/dev/nothing'])
      for (const accept of ['text/html', 'application/json']) {
        const shut = await visitor.get(path, { headers: { accept } });
        assert.equal(shut.location, '/sign-in/enrol', `${path} ${accept}`);
      }
    const posted = await visitor.submit('/account/preferences', { language: 'de' }, { hidden: false });
    assert.equal(posted.status, 403, 'no form either');
    assert.equal((await visitor.get('/sign-in/help')).status, 200, 'help');
    await visitor.get(app);
    assert.equal((await visitor.submit('/sign-out')).status, 303, 'and the way out');
  });

  it('P11 Any user with access to the Admin tab can switch this enforcement off', async () => {
    const { portal, as } = under;
    const [ada, other] = [await addTo(), await addTo({ name: 'Otto Other', companyAdmin: true })];
    await require(await signIn(boss), ada);
    await require(await signIn(other), ada, false);
    assert.equal(await wordOf(ada), 'inherit', 'what another company administrator ticked');
    assert.ok(await signsInByPassword(portal, ada));

    await editDetails(await as('sales-manager'), ada, { requireMfa: 'yes' });
    const admin = await signIn(boss);
    const page = await admin.get(userPath(ada));
    assert.match(page.html, /id="required"[^>]*checked disabled/);
    assert.match(page.text, /The people who run this portal require it\. Only they can take that away\./);
    const fields = { _csrf: await tokenOf(admin) };
    assert.equal((await admin.submit(userPath(ada, '/requirement'), fields, { hidden: false })).status, 403);
    assert.equal((await portal.accounts.byId(ada.id))?.staffWord, 'required', 'what staff required stays');

    const { companyAdmins } = await portal.engine.policies.of('contact');
    await setPolicy(portal, { companyAdmins: 'off' });
    try {
      assert.equal((await admin.get('/company')).status, 404, 'where there are no company administrators');
      const support = await as('support');
      assert.equal((await support.get(pathOf(ada, '/login-details'))).status, 403, 'it takes the permission');
      await editDetails(await as('sales-manager'), ada, { requireMfa: '' });
      assert.equal((await portal.accounts.byId(ada.id))?.staffWord, 'inherit');
    } finally {
      await setPolicy(portal, { companyAdmins });
    }
  });

  it('P12 Applies to portal *administrators* too', async () => {
    const { portal, as } = under;
    const [one, two] = [await addTo({ companyAdmin: true }), await addTo({ companyAdmin: true })];
    await require(await signIn(one), two);
    const { page } = await afterPassword(portal, two);
    assert.equal(page.url.pathname, app, 'one may be required by another');
    const { visitor, secret } = await enrolForced(portal, two);
    assert.match((await visitor.get('/company')).text, /Portal users/);
    assert.equal((await afterPassword(portal, two)).page.url.pathname, challenge);
    await signInWithCode(portal, two, secret);
    const staff = await portal.addPerson({ kind: 'staff', profile: 'sales-manager' });
    assert.equal((await afterPassword(portal, staff)).page.url.pathname, app, 'and staff always');

    const manager = await as('sales-manager');
    const three = await addTo();
    await editDetails(manager, three, { companyAdmin: 'yes' });
    assert.equal((await (await signIn(three)).get('/company')).status, 200, 'staff give the Admin tab');
    await editDetails(await as('sales-manager'), three, {});
    assert.equal((await (await signIn(three)).get('/company')).status, 404, 'and take it back');
  });

  it('P13 Enabling is "highly recommended" but optional otherwise', async () => {
    const { portal } = under;
    const ada = await addTo();
    const visitor = await signIn(ada);
    const home = await visitor.get('/home');
    assert.match(home.text, /Enabling 2FA is highly recommended/);
    const dismissed = await visitor.submit('/home/not-now');
    assert.doesNotMatch((await visitor.follow(dismissed)).text, /highly recommended/);
    await visitor.submit('/sign-out', {}, { from: '/home' });
    await signInByPassword(portal, ada, visitor);
    assert.doesNotMatch((await visitor.get('/home')).text, /highly recommended/, 'at the next sign-in, too');
    const bob = await addTo();
    await visitor.submit('/sign-out', {}, { from: '/home' });
    await signInByPassword(portal, bob, visitor);
    assert.match((await visitor.get('/home')).text, /highly recommended/, 'another person at this browser is told');
    await enrolFreely(portal, visitor);
    assert.doesNotMatch((await visitor.get('/home')).text, /highly recommended/);
  });
});
