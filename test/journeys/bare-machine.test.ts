import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { launchBrowser, type RealBrowser } from '../support/browser.ts';
import { startProcess, type RunningProcess } from '../support/processes.ts';
import { authenticatorCode } from '../support/rfc-totp.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';
import { accountMenu, appPage, assertGoodPage, challengePage, setUpPage, choosePage, signInPage } from './pages.ts';

const step = 30_000;
const admin = { name: 'Grace Hopper', email: 'grace@portal.example', password: 'seven lighthouses at dawn' };

describe('From a bare machine, in a real browser without JavaScript', function () {
  this.timeout(120_000);
  let browser: RealBrowser;
  let folder: string;
  const processes: RunningProcess[] = [];
  before(async () => {
    browser = await launchBrowser();
    folder = makeTemporaryFolder('journey');
  });
  after(async () => {
    await browser.close();
    for (const child of processes) await child.stop('SIGKILL');
    removeTemporaryFolder(folder);
  });

  const newPage = (width: number): Promise<Page> => browser.newPage({ javaScript: false, width });

  it('the set-up link makes the first Master Admin, who sets up an app before anything else, signs out and in again with a code', async () => {
    const portal = startProcess('server.ts', [], { env: { PORT: '0', DATA_DIR: `${folder}/first` }, asPeopleDo: true });
    processes.push(portal);
    const [, link = ''] = await portal.line(/^ +(http:\/\/\S+\/set-up\/\S+)$/);
    const page = await newPage(375);
    await page.goto(link);
    assert.equal(new URL(page.url()).pathname, '/set-up', 'the token has left the address');
    await assertGoodPage(page);
    await setUpPage.create(page, { ...admin, password: 'too short' });
    await page.getByText('Use at least 15 characters').first().waitFor();
    assert.equal(await page.getByLabel('E-mail address').inputValue(), admin.email, 'what was typed is kept');
    await assertAccessible422(page);
    await setUpPage.create(page, admin);

    assert.equal(new URL(page.url()).pathname, '/account/factors/totp');
    await page.goto(new URL('/staff', link).href);
    assert.equal(new URL(page.url()).pathname, '/account/factors/totp', 'nothing opens before the app is set up');
    await assertGoodPage(page);
    const secret = await appPage.key(page);
    await appPage.confirm(page, '000000');
    assert.equal(await appPage.key(page), secret, 'a wrong code keeps the key');
    await page.goto(new URL('/account/factors/totp', link).href);
    assert.equal(await appPage.key(page), secret, 'a reload keeps the key');
    // This step's code now, the next one's to sign in: each is right for a minute and more, however slow the machine.
    const start = Date.now();
    await appPage.confirm(page, authenticatorCode({ secret, at: start }));
    assert.equal(new URL(page.url()).pathname, '/staff');
    await page.getByRole('heading', { name: 'Hello, Grace Hopper' }).waitFor();
    await assertGoodPage(page);

    await page.goto(link);
    await page.getByRole('heading', { name: 'Set-up is closed' }).waitFor();
    await page.goto(new URL('/staff', link).href);
    await accountMenu.signOut(page);
    await page.getByText('You are signed out.').waitFor();
    await page.goto(new URL('/staff', link).href);
    assert.equal(new URL(page.url()).pathname, '/sign-in');
    await assertGoodPage(page);

    await signInPage.signIn(page, admin);
    assert.equal(new URL(page.url()).pathname, '/sign-in/challenge');
    await assertGoodPage(page);
    await challengePage.answer(page, authenticatorCode({ secret, at: start + step }));
    assert.equal(new URL(page.url()).pathname, '/staff', 'the person comes back to where they were going');
    await page.goto(new URL('/account/security', link).href);
    await page.getByText('Authenticator app').first().waitFor();
    await assertGoodPage(page);
    assert.equal(await portal.stop(), 0, portal.output());
    assert.doesNotMatch(portal.output(), new RegExp(`${secret}|${admin.password}`));
  });

  it('a required contact of the demo is led to the set-up and nowhere else, and signs in again with a code', async () => {
    const demo = startProcess('gatehouse.ts', ['demo', '--json'], {
      env: { PORT: '0', DATA_DIR: `${folder}/demo` },
      asPeopleDo: true,
    });
    processes.push(demo);
    const [json] = await demo.line(/^\{"url":.*\}$/);
    const report = JSON.parse(json) as {
      url: string;
      people: { state: string; email: string; password: string; kind: string }[];
    };
    assert.equal(report.people.filter(({ kind }) => kind === 'contact').length, 6);
    assert.equal(report.people.filter(({ kind }) => kind === 'staff').length, 4);
    const paul = report.people.find(({ state }) => state === 'required and not yet enrolled');
    assert.ok(paul);
    const page = await newPage(1280);
    await page.goto(report.url);
    await signInPage.signIn(page, paul);
    for (const path of ['/home', '/account/security', '/staff', '/']) {
      await page.goto(report.url + path);
      assert.equal(new URL(page.url()).pathname, '/sign-in/enrol', `${path} leads to the set-up`);
    }
    await choosePage.app(page);
    assert.equal(new URL(page.url()).pathname, '/account/factors/totp');
    const secret = await appPage.key(page);
    // This step's code now, the next one's to sign in: each is right for a minute and more, however slow the machine.
    const start = Date.now();
    await appPage.confirm(page, authenticatorCode({ secret, at: start }));
    assert.equal(new URL(page.url()).pathname, '/home');
    await assertGoodPage(page);
    await accountMenu.signOut(page);
    await signInPage.signIn(page, paul);
    assert.equal(new URL(page.url()).pathname, '/sign-in/challenge');
    await challengePage.answer(page, authenticatorCode({ secret, at: start + step }));
    assert.equal(new URL(page.url()).pathname, '/home');
    assert.equal(await demo.stop(), 0, demo.output());
  });

  it('a second process on the same folder serves the same people, and goes on when the first one is killed', async () => {
    const env = { PORT: '0', DATA_DIR: `${folder}/shared` };
    const first = startProcess('gatehouse.ts', ['demo', '--json'], { env, asPeopleDo: true });
    processes.push(first);
    const [json] = await first.line(/^\{"url":.*\}$/);
    const { people } = JSON.parse(json) as { people: { email: string; password: string; state: string }[] };
    const nina = people.find(({ state }) => state === 'optional and not enrolled');
    assert.ok(nina);
    const second = startProcess('server.ts', [], { env, asPeopleDo: true });
    processes.push(second);
    const [, url = ''] = await second.line(/listens on (http:\S+)$/);
    const page = await newPage(375);
    await page.goto(url);
    await signInPage.signIn(page, nina);
    assert.equal(new URL(page.url()).pathname, '/home');
    await first.stop('SIGKILL');
    for (let tries = 0; ; tries += 1) {
      const answer = await page.goto(`${url}/home`);
      if (answer?.status() === 200) break;
      assert.ok(tries < 100, 'the second process takes over');
    }
    await page.getByRole('heading', { name: 'Hello, Nina Cedar' }).waitFor();
    assert.equal(await second.stop(), 0, second.output());
  });
});

async function assertAccessible422(page: Page): Promise<void> {
  assert.match(await page.title(), /^Error:/);
  assert.equal(await page.getByLabel('Password', { exact: true }).getAttribute('aria-invalid'), 'true');
}
