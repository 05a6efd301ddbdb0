// Two presets with text messages, in a real browser without JavaScript: chosen by a Master Admin, lived by customers, with codes from real messages.
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { Person } from '../../../../kernel/person.ts';
import { addMember, codeNow, type Member } from '../../../../../test/attacks/support/people.ts';
import { accountMenu, appPage, assertGoodPage, challengePage, signInPage } from '../../../../../test/journeys/pages.ts';
import { launchBrowser, type RealBrowser } from '../../../../../test/support/browser.ts';
import { password, type TestPortal } from '../../../../../test/support/portal.ts';
import { authenticatorCode } from '../../../../../test/support/rfc-totp.ts';
import { describeWithKannel, Handset, openPortalAt } from './ground.ts';
import { assertGoodRefusal, press, smsPages } from './sms-pages.ts';

describeWithKannel('By text message, under the preset', (kannel) => {
  let portal: TestPortal;
  let browser: RealBrowser;
  let master: Member;
  let desk: Page;
  let phone: Page;

  before(async function () {
    this.timeout(60_000);
    // All people of these tests come from one address.
    const environment = { SMS_ADDRESS_PER_HOUR: '60' };
    [portal, browser] = await Promise.all([openPortalAt(kannel(), { environment }), launchBrowser()]);
    master = await addMember(portal, { kind: 'staff', profile: 'master-admin', name: 'Mara Hazel' });
    desk = await browser.newPage({ javaScript: false, width: 1280 });
    await desk.goto(`${portal.url}/staff`);
    await signInPage.signIn(desk, { email: master.person.email, password });
    await challengePage.answer(desk, codeNow(portal, master));
  });
  after(async () => {
    await (browser as RealBrowser | undefined)?.close();
    await (portal as TestPortal | undefined)?.close();
  });
  beforeEach(async () => {
    portal.clock.advance({ seconds: 30 });
    phone = await browser.newPage({ javaScript: false, width: 375 });
  });
  afterEach(() => phone.context().close());

  const pathOf = (page: Page) => new URL(page.url()).pathname;
  const open = (page: Page, path: string) => page.goto(`${portal.url}${path}`);

  /** Chooses a preset as a Master Admin does: it holds once its preview is saved. */
  async function choose(name: string): Promise<void> {
    await open(desk, '/staff/settings/policy');
    await press(desk.getByRole('region', { name }), 'Show what it means');
    await press(desk, 'Save');
    await desk.getByRole('status').waitFor();
  }

  async function signIn(person: Person, page = phone): Promise<void> {
    await open(page, '/sign-in');
    await signInPage.signIn(page, { email: person.email, password });
  }

  /** Password, and the code that comes. */
  async function signInByText(person: Person, handset: Handset, page = phone): Promise<void> {
    await signIn(person, page);
    assert.equal(pathOf(page), '/sign-in/challenge');
    await smsPages.answer(page, await handset.code());
    assert.equal(pathOf(page), '/home');
  }

  it('“Everybody, by text message”: number, code, and from then on password and code; a reset begins anew', async function () {
    this.timeout(60_000);
    await choose('Everybody, by text message');
    const ada = await portal.addPerson({ name: 'Ada Lovelace' });
    const first = new Handset(kannel());
    await signIn(ada);
    assert.equal(pathOf(phone), '/account/factors/sms');
    await assertGoodPage(phone);
    await smsPages.save(phone, { country: 'Germany (+49)', number: `0${first.number.slice(3)}` });
    await phone.getByText(/is saved, and not verified yet/).waitFor();
    await assertGoodPage(phone);
    assert.equal((await first.messages()).length, 0, 'nothing leaves before the button');
    await press(phone, 'Send code');
    await phone.getByText(`We sent a message to +49******${first.number.slice(-2)}.`).waitFor();
    await assertGoodPage(phone);
    const code = await first.code();
    await assertGoodRefusal(phone, () => smsPages.confirm(phone, String((Number(code) + 1) % 1e6).padStart(6, '0')));
    await smsPages.confirm(phone, code);
    assert.equal(pathOf(phone), '/sign-in', 'the password is asked for again');
    await assertGoodPage(phone);

    await signIn(ada);
    assert.equal(pathOf(phone), '/sign-in/challenge');
    await assertGoodPage(phone);
    await open(phone, '/home');
    assert.equal(pathOf(phone), '/sign-in/challenge', 'nothing opens before the code');
    await smsPages.answer(phone, await first.code());
    assert.equal(pathOf(phone), '/home');
    await open(phone, '/account/security');
    await assertGoodPage(phone);
    assert.equal(await phone.getByRole('link', { name: /change number|delete number/i }).count(), 0);

    await open(desk, `/staff/contacts/${ada.id}`);
    await assertGoodPage(desk);
    await desk.getByRole('link', { name: 'RESET TWO FACTOR' }).click();
    await assertGoodPage(desk);
    await desk.getByLabel(/Reason|Why/).fill('Called back on the known number');
    await press(desk, /^Reset Two Factor/);
    await desk.getByRole('status').waitFor();
    assert.match(await first.next(), /this number gets no more codes for your account/);
    await phone.reload();
    assert.equal(pathOf(phone), '/sign-in', 'the reset ended what was open');

    const second = new Handset(kannel());
    await signIn(ada);
    assert.equal(await phone.getByLabel('Mobile number').inputValue(), '');
    await smsPages.save(phone, { number: second.number });
    await press(phone, 'Send code');
    await smsPages.confirm(phone, await second.code());
    await signInByText(ada, second);
    assert.equal(await first.unread(), 0, 'the old number gets nothing any more');
    await open(desk, '/staff/factors/sms');
    await assertGoodPage(desk);
    await desk.getByRole('row', { name: /^kannel Works/ }).waitFor();
  });

  it('“Customers choose one method”: Add Number, Change number, a colleague’s number, Delete number, Connect device', async function () {
    this.timeout(60_000);
    await choose('Customers choose one method');
    const company = await portal.companies.create('Northwind');
    const [ada, bob] = [
      await portal.addPerson({ company }),
      await portal.addPerson({ company, name: 'Bob Colleague' }),
    ];
    const old = new Handset(kannel());
    await signIn(ada);
    await open(phone, '/account/security');
    await assertGoodPage(phone);
    await phone.getByRole('link', { name: /^Add Number/ }).click();
    await phone.getByRole('heading', { name: 'Add Number' }).waitFor();
    await assertGoodPage(phone);
    await smsPages.save(phone, { number: old.number });
    await phone.getByRole('heading', { name: 'Verify Number' }).waitFor();
    await assertGoodPage(phone);
    await press(phone, 'Send Code');
    await assertGoodPage(phone);
    await smsPages.confirm(phone, await old.code());
    await phone.getByText(/is verified\. From now on/).waitFor();
    await assertGoodPage(phone);
    assert.equal((await portal.engine.enrolments.activeOf(ada.id)).length, 0, 'not on before the last step');
    await press(phone, 'Enable authentication');
    assert.equal(pathOf(phone), '/account/security');
    await accountMenu.signOut(phone);
    await signInByText(ada, old);

    const fresh = new Handset(kannel());
    await open(phone, '/account/security');
    await phone.getByRole('link', { name: 'Change number' }).click();
    await assertGoodPage(phone);
    await press(phone, 'Change number');
    await phone.getByText(/Codes go on coming to/).waitFor();
    await assertGoodPage(phone);
    await smsPages.save(phone, { number: fresh.number });
    await press(phone, 'Send Code');
    const proof = await fresh.code();
    const elsewhere = await browser.newPage({ javaScript: false, width: 375 });
    await signInByText(ada, old, elsewhere);
    await elsewhere.context().close();
    assert.equal(await fresh.unread(), 0, 'the new number gets no code of a sign-in yet');
    await smsPages.confirm(phone, proof);
    await press(phone, 'Enable authentication');
    assert.match(await old.next(), /this number gets no more codes/);
    await accountMenu.signOut(phone);
    await signInByText(ada, fresh);

    const other = await browser.newPage({ javaScript: false, width: 375 });
    await signIn(bob, other);
    await open(other, '/account/factors/sms');
    await smsPages.save(other, { number: fresh.number });
    await other.getByText(/already verified for a colleague of your company/).waitFor();
    await assertGoodPage(other);
    await press(other, 'Enable authentication');
    assert.equal(await fresh.unread(), 0, 'no message for what a colleague has verified');
    await accountMenu.signOut(other);
    await signInByText(bob, fresh, other);

    await open(other, '/account/security');
    await other.getByRole('link', { name: /^Delete number/ }).click();
    await assertGoodPage(other);
    await press(other, 'Send me a code');
    await assertGoodPage(other);
    await other.getByLabel('Code').fill(await fresh.code());
    await other.locator('main form button').first().click();
    assert.equal(pathOf(other), '/account/security');
    assert.match(await fresh.next(), /this number gets no more codes for your account/);
    await other.getByRole('link', { name: /^Connect device/ }).click();
    await press(other, 'Connect device');
    await other.getByRole('link', { name: 'Display QR Code' }).click();
    const secret = await appPage.key(other);
    await other.getByLabel('Code from the app').fill(authenticatorCode({ secret, at: portal.clock.now() }));
    await press(other, 'Verify');
    await accountMenu.signOut(other);
    portal.clock.advance({ seconds: 30 });
    await signIn(bob, other);
    await challengePage.answer(other, authenticatorCode({ secret, at: portal.clock.now() }));
    assert.equal(pathOf(other), '/home');
    assert.equal(await fresh.unread(), 0, 'no message any more for who has an app instead');
    await other.context().close();
  });
});
