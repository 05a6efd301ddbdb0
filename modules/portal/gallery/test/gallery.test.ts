import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { listen } from '../../../../server.ts';
import { languages } from '../../../kernel/person.ts';
import { launchBrowser } from '../../../../test/support/browser.ts';
import { assertAccessible, assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, withPortal, noDevOutbox, type TestPortal } from '../../../../test/support/portal.ts';
import { Visitor, type Answer } from '../../../../test/support/http.ts';
import { mailKinds } from '../../staff/mail-page.ts';

const home = '/dev/gallery';
const one = `${home}/password-reset`;

/** The mails that a list of the gallery leads to. */
const linksOf = (list: Answer) =>
  [...list.html.matchAll(/href="\/dev\/gallery\/([a-z0-9.-]+)\?lang=(?:en|de)"/g)].map(([, id = '']) => id);

/** Each address that a message holds. */
const addressesOf = (text: string) => [...text.matchAll(/https?:\/\/[^\s"<>]+/g)].map(([address]) => address);

describe('The gallery of messages', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal({ environment: { HELP_CONTACT: 'help@example.com' } });
  });
  after(() => portal.close());

  for (const lang of languages) {
    it(`has every kind of mail in ${lang}, whole, in both parts, with nothing of anybody's in it`, async () => {
      const visitor = portal.visitor();
      const list = await visitor.get(`${home}?lang=${lang}`);
      await assertValidHtml(list.html, list.url.href);
      const ids = linksOf(list);
      const without = mailKinds.filter((kind) => !ids.some((id) => id === kind));
      assert.deepEqual(without, [], 'Give these a sample.');
      assert.deepEqual(ids, [...new Set(ids)]);
      for (const id of ids) {
        const page = await visitor.get(`${home}/${id}?lang=${lang}`);
        const html = await visitor.get(`${home}/${id}.html?lang=${lang}`);
        assert.deepEqual([page.status, html.status], [200, 200], id);
        await assertValidHtml(page.html, page.url.href);
        assert.match(page.html, new RegExp(`<html lang="${lang}">`));
        assert.match(html.html, new RegExp(`<html lang="${lang}">`));
        const [, text = ''] = /<pre class="letter">([^]*?)<\/pre>/.exec(page.html) ?? [];
        assert.ok(text.length > 100, id);
        for (const part of [text, html.html]) {
          assert.doesNotMatch(part, /\{\w+\}|undefined|\[object|\b(?!000000)\d{6}\b/, id);
          assert.doesNotMatch(part, /\b[a-z-]+\.[a-zA-Z]+\.[a-zA-Z]+\b/, `${id}: a text is missing`);
          for (const address of addressesOf(part)) assert.ok(address.startsWith(`${portal.url}/`), `${id}: ${address}`);
          for (const [, domain] of part.matchAll(/[\w.+-]+@([\w.-]+\w)/g)) assert.equal(domain, 'example.com', id);
        }
      }
    });

    it(`has every text message in ${lang}, with its length, and no code but 000000`, async () => {
      const list = await portal.visitor().get(`${home}?lang=${lang}`);
      const texts = [...list.html.matchAll(/<pre class="letter">([^]*?)<\/pre>/g)].map(([, text = '']) => text);
      const lengths = [...list.html.matchAll(/(\d+) (?:of|von) (\d+) /g)].map(([, length, most]) => [length, most]);
      const senders = [...portal.engine.factors.values()].filter(({ running }) => running.texts);
      assert.equal(texts.length > 0, senders.length > 0);
      const inAscii = texts.map((text) => String(text.replace(/&[#\w]+;/g, '?').length));
      assert.deepEqual(
        lengths,
        inAscii.map((length) => [length, '160']),
      );
      for (const text of texts) {
        assert.doesNotMatch(text, /\{\w+\}|\b(?!000000)\d{6}\b/);
        for (const address of addressesOf(text)) assert.ok(address.startsWith(portal.url), address);
      }
    });
  }

  it('marks a text that takes more than one message, and one that phones have no letters for', async () => {
    const long = { kind: 'a', text: 'x'.repeat(161), septets: 161 };
    const strange = { kind: 'b', text: '„'.repeat(71), septets: null };
    const fine = { kind: 'c', text: '€'.repeat(80), septets: 160 };
    const [sender] = portal.engine.factors.values();
    assert.ok(sender);
    const { running } = sender;
    sender.running = { ...running, samples: () => [long, strange, fine] };
    try {
      const { text } = await portal.visitor().get(`${home}?lang=en`);
      assert.match(text, /Longer than one message 161 of 160 characters/);
      assert.match(text, /Longer than one message 71 of 70 characters/);
      assert.match(text, /One message 160 of 160 characters/);
    } finally {
      sender.running = running;
    }
  });

  it('has no link that opens anything, and puts nothing into the outbox', async () => {
    const visitor = portal.visitor();
    const ids = linksOf(await visitor.get(`${home}?lang=en`));
    const paths = new Set<string>();
    for (const id of ids)
      for (const address of addressesOf((await visitor.get(`${home}/${id}.html?lang=en`)).html))
        paths.add(new URL(address).pathname);
    const tokens = [...paths].filter((path) => path.includes('sample'));
    assert.deepEqual(tokens.map((path) => path.replace(/[^/]+$/, '')).sort(), [
      '/email/confirm/',
      '/email/undo/',
      '/invitation/',
      '/reset-password/',
      '/unlock/',
    ]);
    for (const path of paths) {
      const stranger = portal.visitor();
      const page = await stranger.follow(await stranger.get(path));
      // A closed link has its page, the rest asks for a sign-in; neither lets anybody choose or press anything of an account's.
      assert.deepEqual(
        page.forms.map(({ action }) => action).filter((action) => !/^\/(?:sign-in|invitation\/again)$/.test(action)),
        [],
        path,
      );
    }
    assert.deepEqual(await portal.mails(), []);
  });

  it('shows the HTML part under a policy that allows its styles and nothing else, framed by the portal alone', async () => {
    const visitor = portal.visitor();
    const part = await visitor.get(`${one}.html?lang=de`);
    assert.equal(
      part.headers['content-security-policy'],
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox",
    );
    assert.equal(part.headers['cross-origin-opener-policy'], undefined, 'or it could not be opened alone');
    assert.equal(part.headers['x-content-type-options'], 'nosniff');
    assert.equal(part.headers['cache-control'], 'no-store');
    const page = await visitor.get(`${one}?lang=de`);
    const policy = String(page.headers['content-security-policy']);
    assert.match(policy, /frame-src 'self'/);
    assert.doesNotMatch(policy, /unsafe/);
    const list = await visitor.get(home);
    assert.doesNotMatch(String(list.headers['content-security-policy']), /unsafe|frame-src/);
  });

  it('has no mail of another name, and falls back to the reader’s language', async () => {
    const visitor = portal.visitor();
    for (const path of [`${home}/nothing`, `${home}/nothing.html`, `${one}.html.html`])
      assert.equal((await visitor.get(path)).status, 404, path);
    const headers = { 'accept-language': 'de' };
    for (const query of ['', '?lang=fr', '?lang=en&lang=de', '?lang='])
      assert.match((await visitor.get(`${home}${query}`, { headers })).html, /<html lang="de">/, query);
  });

  it('reads well in a browser without JavaScript, 320 pixels wide and dark, with the mail in its frame', async () => {
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage({ javaScript: false, width: 320, dark: true });
      const refused: string[] = [];
      page.on('console', (message) => refused.push(message.text()));
      await page.goto(`${portal.url}${one}?lang=en`);
      await assertAccessible(page);
      const frame = page.frameLocator('iframe');
      await frame.getByRole('link', { name: 'Choose a new password' }).waitFor();
      const tooWide = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      assert.equal(await page.evaluate<number>(tooWide), 0);
      await page.getByRole('link', { name: 'Open the HTML part alone' }).click();
      await page.getByRole('heading', { name: 'Choose a new password' }).waitFor();
      assert.deepEqual(
        refused.filter((words) => /Security Policy|refused|blocked/i.test(words)),
        [],
      );
    } finally {
      await browser.close();
    }
  });
});

describe('The gallery is for the machine itself, under development', () => {
  const paths = [home, one, `${one}.html`];

  it('and not there for whoever comes through a proxy, or by another name', async () => {
    await withPortal(
      async (portal) => {
        for (const path of paths) {
          assert.equal((await portal.visitor().get(path)).status, 200, path);
          for (const name of ['X-Forwarded-For', 'X-Forwarded-Host', 'Forwarded', 'X-Real-IP']) {
            const answer = await portal.visitor().get(path, { headers: { [name]: '127.0.0.1' } });
            assert.equal(answer.status, 404, `${path} ${name}`);
          }
          assert.equal((await portal.visitor().get(path, { headers: { host: 'evil.test' } })).status, 404, path);
        }
      },
      { environment: { TRUST_PROXY: '1' } },
    );
  });

  it('nor with a mail server, nor in production', async () => {
    for (const environment of Object.values(noDevOutbox)) {
      await withPortal(
        async (portal) => {
          assert.ok(!portal.routes().some(({ path }) => path.startsWith('/dev')));
          // A door of its own: with BASE_URL the portal's address is another.
          const server = await listen(portal);
          const visitor = new Visitor(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
          for (const path of paths) assert.equal((await visitor.get(path)).status, 404, path);
          server.closeAllConnections();
          server.close();
        },
        { environment },
      );
    }
  });
});
