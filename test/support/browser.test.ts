import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { launchBrowser, type RealBrowser } from './browser.ts';
import { unpack, withBundledLibraries } from './chromium-binary.ts';
import { assertAccessible, assertValidHtml } from './page-quality.ts';

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in</title><link rel="icon" href="data:,"></head>
<body><main><h1>Sign in</h1>
<form method="post" action="/sign-in"><label for="code">Code</label>
<input id="code" name="code" type="text" autocomplete="one-time-code"><button type="submit">Go on</button></form>
</main><script src="/script.js"></script></body></html>`;

describe('the real browser of the tests', () => {
  let browser: RealBrowser;
  let site: http.Server;
  let port: number;

  before(async () => {
    browser = await launchBrowser();
    site = http.createServer((request, response) => {
      // What refuses on the open page is the browser itself.
      if (request.url !== '/open') response.setHeader('content-security-policy', "default-src 'self'; img-src data:");
      response.setHeader('content-type', request.url === '/script.js' ? 'text/javascript' : 'text/html');
      if (request.url === '/script.js') response.end('document.title = "Scripted"');
      else if (request.url === '/barrier') response.end(PAGE.replace(/<label.*<\/label>/, ''));
      else response.end(request.method === 'POST' ? PAGE.replaceAll('Sign in', 'Home') : PAGE);
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    ({ port } = site.address() as AddressInfo);
  });
  after(async () => {
    await browser.close();
    site.closeAllConnections();
    site.close();
  });

  const address = (name = '127.0.0.1', file = ''): string => `http://${name}:${port}/${file}`;

  it('fills in a form and takes a picture with JavaScript off, on a phone in the dark', async () => {
    const page = await browser.newPage({ javaScript: false, width: 375, dark: true });
    await page.goto(address());
    assert.equal(await page.title(), 'Sign in');
    await page.getByLabel('Code').fill('123456');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('heading', { name: 'Home' }).waitFor();
    const picture = await page.screenshot();
    assert.equal(picture.readUInt32BE(16), 375, 'width of the picture');
    await page.goBack();
    assert.equal(await page.title(), 'Sign in');
  });

  it('runs scripts where JavaScript is on, and gives each page cookies of its own', async () => {
    const ada = await browser.newPage();
    const bob = await browser.newPage();
    await ada.goto(address());
    await bob.goto(address());
    assert.equal(await ada.title(), 'Scripted');
    await ada.evaluate('document.cookie = "who=ada"');
    assert.deepEqual(await bob.context().cookies(), []);
  });

  it('finds what bars people from a page, with JavaScript on and off', async () => {
    for (const javaScript of [true, false]) {
      const page = await browser.newPage({ javaScript });
      await page.goto(address());
      await assertAccessible(page);
      await page.goto(address('127.0.0.1', 'barrier'));
      await assert.rejects(assertAccessible(page), /has barriers:\nlabel: /);
      await page.goto(address());
      assert.equal(await page.title(), javaScript ? 'Scripted' : 'Sign in', 'JavaScript is as it was before');
    }
  });

  it('keeps one site from reading another, like the browser of a person', async () => {
    const page = await browser.newPage();
    await page.goto(address('evil.test', 'open'));
    await assert.rejects(page.evaluate(`fetch('${address('portal.test', 'open')}')`), /Failed to fetch/);
  });

  it('starts on machines without the libraries that Chromium shares with others', async () => {
    const folder = await unpack();
    const env = withBundledLibraries(folder, {});
    const answer = execFileSync(path.join(folder, 'chromium'), ['--version', '--no-sandbox'], {
      env,
      encoding: 'utf8',
    });
    assert.match(answer, /^Chromium \d+/);
  });
});

describe('the check of HTML', () => {
  it('lets a sound page pass and names what is wrong with another', async () => {
    await assertValidHtml(PAGE);
    await assert.rejects(assertValidHtml(PAGE.replace('type="submit"', 'style="color:red"')), /no-inline-style/);
  });
});
