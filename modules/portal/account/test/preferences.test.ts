import assert from 'node:assert/strict';
import { assertUnchanged } from '../../../../test/attacks/support/database.ts';
import { signInByPassword } from '../../../../test/attacks/support/people.ts';
import { readTags } from '../../../../test/support/html.ts';
import type { Visitor } from '../../../../test/support/http.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, password, type TestPortal } from '../../../../test/support/portal.ts';
import type { Person } from '../../../kernel/person.ts';
import { timeZoneGroups } from '../time-zones.ts';

const path = '/account/preferences';

describe('A person’s preferences', () => {
  let portal: TestPortal;
  let ada: Person;
  let visitor: Visitor;
  before(async () => {
    // Nothing is written in the background while a test compares what is stored.
    portal = await openTestPortal({ environment: { JOBS: 'off' } });
  });
  after(() => portal.close());
  beforeEach(async () => {
    ada = await portal.addPerson();
    visitor = await signInByPassword(portal, ada);
  });

  const save = (language: string, timeZone: string) => visitor.submit(path, { language, timeZone }, { from: path });
  const chosen = (html: string) =>
    readTags(html)
      .filter(({ attributes }) => attributes.has('checked') || attributes.has('selected'))
      .map(({ attributes }) => attributes.get('value'));

  it('are automatic and UTC at first', async () => {
    const page = await visitor.get(path);
    await assertValidHtml(page.html, path);
    assert.deepEqual(chosen(page.html), ['', '']);
    assert.match(page.text, /In UTC it is \d\d:\d\d now/);
  });

  it('turn every page German at once, whatever the browser asks for, and back again', async () => {
    const page = await visitor.follow(await save('de', ''));
    assert.match(page.html, /<html lang="de">/);
    assert.match(page.text, /Gespeichert/);
    await assertValidHtml(page.html, path);
    visitor.headers['accept-language'] = 'en';
    for (const [address, words] of [
      ['/home', 'Guten Tag, Ada Lovelace'],
      ['/account/security', 'Sicherheit'],
      ['/account/sessions', 'Wo Sie gerade angemeldet sind'],
      ['/account/password', 'Ihr jetziges Passwort'],
      ['/account/email', 'Neue E-Mail-Adresse'],
      ['/nowhere', 'Hier ist keine Seite'],
    ] as const) {
      const answer = await visitor.get(address);
      assert.ok(answer.text.includes(words), `${address}: ${answer.text}`);
      assert.match(answer.html, /<html lang="de">/);
      await assertValidHtml(answer.html, address);
    }
    assert.match((await visitor.follow(await save('en', ''))).text, /Saved/);
    assert.match((await visitor.get('/home')).text, /Hello, Ada/);
  });

  it('turn the mails German, with times of the chosen zone', async () => {
    await save('de', 'Asia/Tokyo');
    await visitor.submit(
      '/account/password',
      { password, newPassword: 'seven kettles under glass' },
      { from: '/account/password' },
    );
    const [mail] = (await portal.mails()).filter(({ to }) => to === ada.email);
    assert.match(mail?.subject ?? '', /Ihr Passwort wurde geändert$/);
    const time = new Intl.DateTimeFormat('de', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'Asia/Tokyo' });
    assert.ok(mail?.text.includes(`${time.format(portal.clock.now())} Asia/Tokyo`), mail?.text);
  });

  it('show the time of the chosen zone, here and in every exact time', async () => {
    const page = await visitor.follow(await save('', 'America/Argentina/Salta'));
    const zone = { timeZone: 'America/Argentina/Salta' };
    const now = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', ...zone }).format(portal.clock.now());
    assert.ok(page.text.includes(`In America/Argentina/Salta it is ${now} now.`));
    assert.ok(page.text.includes('Times are in America/Argentina/Salta.'));
    assert.deepEqual(chosen(page.html), ['', 'America/Argentina/Salta']);
    assert.ok((await visitor.get('/account/sessions')).html.includes(`${now}"`));
  });

  it('take only what is on the lists; anything else is refused, and nothing is stored', async () => {
    for (const [language, zone] of [
      ['fr', ''],
      ['DE', ''],
      ['constructor', ''],
      ['', 'Mars/Olympus'],
      ['', 'europe/berlin'],
      ['', '../../etc/passwd'],
      ['', '<script>'],
      ['x'.repeat(5000), 'y'.repeat(5000)],
    ] as const) {
      const page = await assertUnchanged(portal, () => save(language, zone), `${language} ${zone}`);
      assert.equal(page.status, 422);
      assert.match(page.text, /Choose one of the options/);
      await assertValidHtml(page.html, path);
    }
  });

  it('keep a zone that has another name by now, as long as the person chooses no other', async () => {
    await portal.accounts.setPreferences(ada.id, { language: null, timeZone: 'Etc/GMT+3' });
    assert.deepEqual(chosen((await visitor.get(path)).html), ['', 'Etc/GMT+3']);
    assert.equal((await save('de', 'Etc/GMT+3')).status, 303);
    await save('', '');
    assert.equal((await save('', 'Etc/GMT+3')).status, 422);
  });

  it('fall back to UTC, in pages and mails, where the machine does not know the zone', async () => {
    // As after a move to a machine with older tables.
    await portal.accounts.setPreferences(ada.id, { language: null, timeZone: 'Europe/Atlantis' });
    for (const page of ['/home', '/account/security', path]) assert.equal((await visitor.get(page)).status, 200, page);
    assert.match((await visitor.get(path)).text, /In UTC it is \d\d:\d\d now/);
    const audit = { event: 'person.disabled', outcome: 'success' as const, actor: { kind: 'portal' as const } };
    await portal.audit.record({ ...audit, target: { kind: 'person', id: ada.id } });
    const [mail] = (await portal.mails()).filter(({ to }) => to === ada.email);
    assert.match(mail?.text ?? '', /\d\d:\d\d UTC/);
  });

  it('are noted in the audit when they change, and only then', async () => {
    await save('de', 'Europe/Berlin');
    await save('de', 'Europe/Berlin');
    const rows = (await portal.audit.latest({ personId: ada.id }, 50)).filter(
      ({ event }) => event === 'person.preferences-changed',
    );
    assert.equal(rows.length, 1);
  });
});

describe('The time zones to choose from', () => {
  it('are all known to the machine, once each, by the names that people use', () => {
    const zones = timeZoneGroups(null).flatMap((group) => group.zones.map(({ value }) => value));
    assert.ok(zones.length > 300);
    assert.equal(new Set(zones).size, zones.length);
    for (const timeZone of zones) assert.doesNotThrow(() => new Intl.DateTimeFormat('en', { timeZone }), timeZone);
    assert.ok(zones.includes('Europe/Kyiv') && !zones.includes('Europe/Kiev'));
  });
});
