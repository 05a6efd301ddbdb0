// What every factor must hold, run over every folder in modules/factors: adding a folder adds it here.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { AnyFactor } from '../../modules/kernel/factor.ts';
import { languages, type Person } from '../../modules/kernel/person.ts';
import { z } from 'zod';
import { fieldsOf } from '../../modules/portal/settings/policy-choice.ts';
import { catalogueFiles, readCatalogue } from '../../modules/platform/i18n.ts';
import { anyDriver, driverIds, driverOf, rightCode, type Enrolled, type FactorDriver } from '../support/driver.ts';
import { readTags } from '../support/html.ts';
import { burst, type Answer, type Visitor } from '../support/http.ts';
import { assertValidHtml } from '../support/page-quality.ts';
import { openTestPortal, password, signInWith, withPortal, type TestPortal } from '../support/portal.ts';

const factorsFolder = fileURLToPath(new URL('../../modules/factors', import.meta.url));
const ids = existsSync(factorsFolder)
  ? readdirSync(factorsFolder).filter((id) => existsSync(join(factorsFolder, id, 'index.ts')))
  : [];
const challenge = '/sign-in/challenge';

/** Every file below a folder with one of these endings. */
function filesIn(folder: string, endings: readonly string[]): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .map((name) => join(folder, name));
}

async function definitionOf(id: string): Promise<AnyFactor> {
  return ((await import(pathToFileURL(join(factorsFolder, id, 'index.ts')).href)) as { default: AnyFactor }).default;
}

/** One h1, a label for each field that people fill in, a form token in each POST form, valid HTML. */
async function assertWholePage(page: Answer, name: string): Promise<void> {
  await assertValidHtml(page.html, name);
  const tags = readTags(page.html);
  assert.equal(tags.filter((tag) => tag.name === 'h1' && !tag.closes).length, 1, `${name}: one h1`);
  const labelled = new Set(tags.filter((tag) => tag.name === 'label').map((tag) => tag.attributes.get('for')));
  for (const form of page.forms) {
    if (form.method === 'post')
      assert.ok(form.hidden.get('_csrf'), `${name}: a token in the form that posts to ${form.action}`);
    for (const tag of form.tags) {
      const type = tag.attributes.get('type');
      if (!['input', 'select', 'textarea'].includes(tag.name) || type === 'hidden' || type === 'submit') continue;
      assert.ok(labelled.has(tag.attributes.get('id')), `${name}: a label for ${tag.attributes.get('name') ?? ''}`);
    }
  }
  assert.doesNotMatch(
    page.text,
    /\b[a-z]+(?:-[a-z]+)*\.[a-z]\w*\.[a-z]\w*\b(?!@)/,
    `${name}: no key is shown in place of its text`,
  );
}

for (const id of ids) {
  const folder = join(factorsFolder, id);

  describe(`The factor ${id}, by its folder`, () => {
    it('is named like its folder, says what it is, and has a driver for tests', async () => {
      const definition = await definitionOf(id);
      assert.equal(definition.id, id);
      assert.ok(['primary', 'recovery'].includes(definition.traits.role));
      assert.equal(typeof definition.traits.order, 'number');
      assert.ok(definition.limits.verify.tries > 0 && definition.limits.verify.tries <= 10);
      assert.ok(definition.limits.verify.windowSeconds >= 900);
      for (const [event, sentence] of Object.entries(definition.events)) {
        assert.match(event, /^[a-z][a-z-]*$/);
        assert.match(sentence, /^\p{Lu}.+\.$/u, `${event} has a sentence`);
      }
      assert.ok(existsSync(join(folder, 'README.md')));
      assert.ok(driverIds().includes(id));
      assert.equal((await driverOf(id)).id, id);
    });

    it('describes each of its settings, in names of its own', async () => {
      const { settings } = await definitionOf(id);
      const prefix = id.replaceAll('-', '_').toUpperCase();
      for (const [name, field] of Object.entries(settings.shape)) {
        assert.ok(name === prefix || name.startsWith(`${prefix}_`), name);
        assert.ok((field as { description?: string }).description, `${name} has a sentence`);
      }
    });

    it('has the same texts in every language, each under its own name', () => {
      const catalogues = languages.map((language) =>
        Object.fromEntries(readCatalogue(catalogueFiles(join(folder, 'locales'), language))),
      );
      const [first = {}] = catalogues;
      assert.ok(Object.keys(first).length > 0);
      for (const catalogue of catalogues) {
        assert.deepEqual(Object.keys(catalogue).sort(), Object.keys(first).sort());
        for (const [key, text] of Object.entries(catalogue)) {
          assert.ok(key.startsWith(`${id}.`), key);
          assert.ok(text.trim() !== '', key);
        }
      }
    });

    it('has every text that it uses and that the engine asks it for, and none that nobody uses', async () => {
      const { role } = (await definitionOf(id)).traits;
      const own = Object.fromEntries(readCatalogue(catalogueFiles(join(folder, 'locales'), 'en')));
      const shared = Object.fromEntries(
        readCatalogue(catalogueFiles(fileURLToPath(new URL('../../views/locales', import.meta.url)), 'en')),
      );
      const engine = [
        ...['name', 'description', 'method', 'setUp', 'challenge.heading', 'challenge.lead', 'challenge.submit'],
        // What the audit says of the events of its own.
        ...Object.keys((await definitionOf(id)).events).map((event) => `event.${event}`),
        // What a recovery factor's pages do once it is set up.
        ...(role === 'recovery' ? ['manage', 'make'] : []),
        // What the page of the policy says of its settings.
        ...fieldsOf((await definitionOf(id)).policy ?? z.object({})).flatMap(({ name, options }) =>
          ['', '.hint', ...options.map((option) => `.${option}`)].map((end) => `policy.${name}${end}`),
        ),
      ].map((key) => `${id}.${key}`);
      for (const key of engine) assert.ok(key in own, `${key}: the engine asks for it`);
      const sources = [
        ...filesIn(folder, ['.ts']).filter((file) => !file.includes('/test/')),
        ...filesIn(join(folder, 'views'), ['.ejs']),
      ];
      const text = sources.map((file) => readFileSync(file, 'utf8')).join('\n');
      const literal = [...text.matchAll(/'([a-z][\w-]*(?:\.\w+){1,3})'/g)].map(([, key = '']) => key);
      const spoken = literal.filter(
        (key) => key.startsWith(`${id}.`) || [...text.matchAll(/\bt\('([^']+)'/g)].some(([, used]) => used === key),
      );
      for (const key of spoken) assert.ok(key in own || key in shared, `${key} is used and has no text`);
      // Asked for only where the factor has what they speak of.
      const perhaps = ['remove', 'challenge.begin', 'challenge.beginLead', 'staff.tab', 'staff.tabText'];
      const used = new Set([...engine, ...perhaps.map((key) => `${id}.${key}`), ...literal]);
      assert.deepEqual(
        Object.keys(own).filter((key) => !used.has(key)),
        [],
        'nobody uses these',
      );
    });
  });

  if (!driverIds().includes(id)) continue;

  describe(`The factor ${id}, in a portal`, () => {
    let portal: TestPortal;
    let driver: FactorDriver;
    /** Set up first where this one is a recovery factor; null where it is primary itself. */
    let primary: FactorDriver | null;
    let limit: number;
    const home = `/account/factors/${id}`;
    before(async function () {
      driver = await driverOf(id);
      primary = driver.role === 'recovery' ? await anyDriver(this) : null;
      portal = await openTestPortal();
      limit = portal.engine.factors.get(id)?.definition.limits.verify.tries ?? 0;
    });
    after(async () => {
      if ((portal as TestPortal | undefined) !== undefined) await portal.close();
    });
    beforeEach(() => {
      portal.clock.advance({ minutes: 16 });
    });

    /** Somebody who has set this factor up, on their security page or because they had to. */
    async function enrol(): Promise<{
      person: Person;
      device: Enrolled;
      visitor: Visitor;
      proof: (path: string) => Promise<string>;
    }> {
      const person = await portal.addPerson();
      const visitor = portal.visitor();
      assert.equal((await signInWith(visitor, person.email)).status, 303);
      const first = await primary?.enrol(visitor, portal.clock.now());
      const device = await driver.enrol(visitor, portal.clock.now(), 'Work phone');
      portal.clock.advance({ seconds: 60 });
      /** What is asked for before a change on a page; where it must be sent first, the page's button does that. */
      const proof = async (path: string) => {
        if (primary && first) return primary.code(first, portal.clock.now());
        if (driver.sent) await visitor.submit(path, { begin: 'yes' }, { from: path });
        return rightCode(driver, device, { now: portal.clock.now(), visitor });
      };
      return { person, device, visitor, proof };
    }

    /** Where the person removes their enrolment of this factor. */
    async function removal(person: Person): Promise<{ path: string; name: string }> {
      const row = (await portal.engine.enrolments.activeOf(person.id)).find(({ factor }) => factor === id);
      return { path: `/account/enrolments/${row?._id.toHexString() ?? ''}/remove`, name: row?.name ?? '?' };
    }

    async function ask(person: Person): Promise<Visitor> {
      const visitor = portal.visitor();
      const answer = await signInWith(visitor, person.email);
      assert.equal(answer.location, challenge);
      if (primary) await visitor.submit('/sign-in/methods', { factor: id }, { from: '/sign-in/methods' });
      return visitor;
    }

    const isIn = async (visitor: Visitor) => (await visitor.get('/account/security')).status === 200;
    const give = (visitor: Visitor, code: string) => visitor.submit(challenge, { code }, { from: challenge });

    it('shows whole pages: before the set-up, during it, refused, at the challenge, refused there, and on the security page', async () => {
      const person = await portal.addPerson();
      const visitor = portal.visitor();
      await signInWith(visitor, person.email);
      await assertWholePage(await visitor.get('/account/security'), 'security, nothing set up');
      await primary?.enrol(visitor, portal.clock.now());
      await assertWholePage(await visitor.get(home), 'before the set-up');
      await assertWholePage(await visitor.follow(await visitor.submit(home, {}, { from: home })), 'the begun set-up');
      if (driver.begin) await driver.begin(visitor, portal.clock.now());
      const running = await visitor.get(home);
      await assertWholePage(running, 'the set-up');
      const confirm = running.forms.find((form) => form.fieldNames.has('code'))?.action;
      assert.ok(confirm !== undefined || primary, 'a primary factor is confirmed by a code');
      if (confirm !== undefined) {
        const refused = await visitor.submit(confirm, { code: 'x', name: 'x'.repeat(100) }, { from: home });
        assert.equal(refused.status, 422);
        await assertWholePage(refused, 'the refused set-up');
      }
      // What is sent is not sent again at once.
      if (driver.sent) portal.clock.advance({ seconds: 61 });
      const device = await driver.enrol(visitor, portal.clock.now());
      const security = await visitor.get('/account/security');
      await assertWholePage(security, 'security, set up');
      for (const [, path = ''] of security.html.matchAll(/href="(\/account\/enrolments\/[^"]+)"/g)) {
        const page = await visitor.get(path);
        assert.equal(page.status, 200, path);
        await assertWholePage(page, path);
      }
      await assertWholePage(await visitor.get('/account/confirm'), 'the step-up');
      await assertWholePage(await visitor.get('/home'), 'home');
      portal.clock.advance({ seconds: 60 });
      const other = await ask(person);
      await assertWholePage(await other.get(challenge), 'the challenge');
      await assertWholePage(await other.get('/sign-in/methods'), 'the other ways');
      await assertWholePage(await other.get('/sign-in/help'), 'help');
      await assertWholePage(await give(other, driver.wrongCode(device, portal.clock.now())), 'the refused challenge');
    });

    it('tells what is about to go before it is removed', async () => {
      const { person, visitor } = await enrol();
      const { path, name } = await removal(person);
      assert.ok((await visitor.get('/account/security')).html.includes(`href="${path}"`));
      const page = await visitor.get(path);
      const [, facts = ''] = /<dl class="facts">([\s\S]*?)<\/dl>/.exec(page.html) ?? [];
      assert.match(facts, /<dt>[^<\s][^<]*<\/dt>/, 'a term with words');
      assert.ok(name !== '?' && facts.includes(name));
      if (!primary) assert.equal(name, 'Work phone');
    });

    it('refuses rubbish, nothing, too much and the same field twice, at the set-up and at the challenge', async () => {
      const { person } = await enrol();
      const rubbish = [
        '',
        ' ',
        'x',
        '0',
        '-1',
        'null',
        '\u{1f600}'.repeat(6),
        '"><script>',
        '{"$ne":1}',
        'a'.repeat(5000),
        '%',
        '\\',
        '../..',
      ];
      let visitor = await ask(person);
      for (const [index, code] of rubbish.entries()) {
        if (index % 8 === 7) {
          portal.clock.advance({ minutes: 15 });
          visitor = await ask(person);
        }
        const answer = await give(visitor, code);
        assert.equal(answer.status, 422, JSON.stringify(code.slice(0, 20)));
        assert.doesNotMatch(answer.html, /<script>/);
      }
      portal.clock.advance({ minutes: 15 });
      const twice = await ask(person);
      assert.ok([400, 422].includes((await twice.submit(challenge, { code: ['1', '2'] }, { from: challenge })).status));
      assert.equal(await isIn(twice), false);
    });

    it('refuses the try after the last although right, and takes it when the time is over', async () => {
      const { person, device } = await enrol();
      const visitor = await ask(person);
      for (let count = 0; count < limit; count += 1)
        assert.equal((await give(visitor, driver.wrongCode(device, portal.clock.now()))).status, 422);
      assert.equal(
        (await give(visitor, await rightCode(driver, device, { now: portal.clock.now(), visitor }))).status,
        429,
      );
      assert.equal(await isIn(visitor), false);
      portal.clock.advance({ minutes: 16 });
      const later = await ask(person);
      assert.equal(
        (await give(later, await rightCode(driver, device, { now: portal.clock.now(), visitor: later }))).status,
        303,
      );
      assert.ok(await isIn(later));
    });

    it('signs in once when twenty send one right code at once', async () => {
      const { person, device } = await enrol();
      const visitors: Visitor[] = [];
      // A code that was sent is of one sign-in: that one is opened in twenty windows.
      const shared = driver.sent ? await ask(person) : null;
      for (let count = 0; count < 20; count += 1) visitors.push(shared ?? (await ask(person)));
      const code = await rightCode(driver, device, { now: portal.clock.now(), visitor: visitors[0]! });
      await burst(20, (index) => visitors[index]!.holdSubmit(challenge, { code }, { from: challenge }));
      const inside = await Promise.all(visitors.map(isIn));
      const accepted = { event: 'challenge.accepted', 'actor.id': person.id };
      const used = await portal.database.connection.collection('auditEvents').countDocuments(accepted);
      assert.equal(used, 1);
      if (!shared) assert.equal(inside.filter(Boolean).length, 1);
    });

    it('leaves nothing behind when it is removed', async () => {
      const { person, visitor, proof } = await enrol();
      const { path } = await removal(person);
      assert.equal((await visitor.submit(path, { code: await proof(path) }, { from: path })).status, 303);
      const rows = portal.database.connection.collection('enrolments');
      assert.equal(await rows.countDocuments({ personId: person.id, factor: id }), 0);
      assert.equal(await portal.engine.factors.get(id)?.running.summarise(person.id), null);
      const again = portal.visitor();
      assert.equal((await signInWith(again, person.email)).location, primary ? challenge : '/home');
    });

    it('writes only events that it declares, and no code or secret to log, audit or a page after the set-up', async () => {
      const { person, device, visitor } = await enrol();
      const other = await ask(person);
      const code = await rightCode(driver, device, { now: portal.clock.now(), visitor: other });
      const pages = [
        await give(other, driver.wrongCode(device, portal.clock.now())),
        await give(other, code),
        await other.get('/account/security'),
        await visitor.get(home),
      ];
      const rows = await portal.database.connection.collection('auditEvents').find().toArray();
      const { events } = portal.engine.factors.get(id)!.definition;
      for (const row of rows) {
        const event = String(row['event']);
        if (event.startsWith(`${id}.`)) assert.ok(event.slice(id.length + 1) in events, event);
      }
      const written = `${JSON.stringify(rows)}\n${portal.logLines().join('\n')}`;
      for (const value of [device.secret, code]) {
        const whole = new RegExp(`(?<![\\w.-])${value.replace(/[^\w-]/g, '\\$&')}(?![\\w.-])`);
        assert.doesNotMatch(written, whole);
        for (const page of pages) assert.doesNotMatch(page.html, whole, page.url.pathname);
      }
    });

    it('has words for the button that makes it send, and for the tab that leads to its page for staff', () => {
      const own = readCatalogue(catalogueFiles(join(folder, 'locales'), 'en'));
      const running = portal.engine.factors.get(id)?.running;
      const wanted = [
        ...(running?.begin ? ['challenge.begin', 'challenge.beginLead'] : []),
        ...(running?.staff ? ['staff.tab', 'staff.tabText'] : []),
      ];
      for (const key of wanted) assert.ok(own.has(`${id}.${key}`), key);
    });

    it('sums itself up in a sentence that has a text', async () => {
      const { person } = await enrol();
      const summary = await portal.engine.factors.get(id)?.running.summarise(person.id);
      const own = Object.fromEntries(readCatalogue(catalogueFiles(join(folder, 'locales'), 'en')));
      assert.ok(summary && summary.key in own);
    });
  });

  describe(`The factor ${id}, switched off by its setting`, () => {
    it('is not there: its routes are 404, the portal works, and who had only it is blocked with a sentence', async function () {
      const name = id.replaceAll('-', '_').toUpperCase();
      const driver = await driverOf(id);
      const primary = driver.role === 'recovery' ? await anyDriver(this) : null;
      await withPortal(async (portal) => {
        const enrolled = await portal.addPerson();
        const visitor = portal.visitor();
        await signInWith(visitor, enrolled.email);
        await primary?.enrol(visitor, portal.clock.now());
        await driver.enrol(visitor, portal.clock.now());
        const without = await openTestPortal({
          environment: { [name]: 'off' },
          databaseName: portal.database.connection.name,
          keys: portal.keys,
          clock: portal.clock,
        });
        try {
          assert.deepEqual(
            without.routes().filter(({ path }) => path.includes(`/${id}`)),
            [],
          );
          const ada = await without.addPerson();
          const plain = without.visitor();
          assert.equal((await signInWith(plain, ada.email)).location, '/home');
          for (const path of [`/account/factors/${id}`, `/account/factors/${id}/confirm`, `/staff/factors/${id}`])
            assert.equal((await plain.get(path)).status, 404, path);
          assert.equal((await plain.get('/account/security')).status, 200);
          const blocked = without.visitor();
          const page = await blocked.follow(await signInWith(blocked, enrolled.email, password));
          // Nobody has only a recovery factor: the primary one goes on being asked for.
          assert.equal(page.url.pathname, primary ? challenge : '/sign-in/blocked');
          assert.equal(page.status, primary ? 200 : 403);
          assert.notEqual((await blocked.get(`/account/factors/${id}`)).status, 200);
        } finally {
          await without.close();
        }
      });
    });
  });
}
