// Staff's pages about text messages.
import assert from 'node:assert/strict';
import type { Model, Schema } from 'mongoose';
import type { FactorHost } from '../../../../kernel/factor.ts';
import type { Person } from '../../../../kernel/person.ts';
import { anyDriver, type FactorDriver } from '../../../../../test/support/driver.ts';
import type { Visitor } from '../../../../../test/support/http.ts';
import { assertValidHtml } from '../../../../../test/support/page-quality.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../../test/support/portal.ts';
import { createLedger, type Ledger, type Noted } from '../../guard/ledger.ts';
import { recipient } from '../guard/guarded.ts';

const base = '/staff/factors/sms';

describe('Staff’s pages about text messages', () => {
  let portal: TestPortal;
  let driver: FactorDriver;
  let ledger: Ledger;
  let ada: Person;
  const known = new Map<string, Visitor>();

  before(async function () {
    driver = await anyDriver(this);
    portal = await openTestPortal({ environment: { SMS_COUNTRIES: 'DE US' } });
    const { connection } = portal.database;
    // The portal's own collections: what a worker and a gateway would note.
    ledger = createLedger({
      model: <Row>(name: string, _schema: Schema<Row>) =>
        connection.model(`Factor:sms:${name}`) as unknown as Model<Row>,
      now: () => portal.clock.now(),
      fingerprint: (text) => text,
    } satisfies Pick<FactorHost<unknown>, 'model' | 'now' | 'fingerprint'>);
    ada = await portal.addPerson();
  });
  after(async () => {
    if ((portal as TestPortal | undefined) !== undefined) await portal.close();
  });

  /** A member of staff, just signed in. */
  async function as(profile: 'support' | 'admin' | 'master-admin'): Promise<Visitor> {
    const before = known.get(profile);
    if (before) return before;
    const person = await portal.addPerson({ kind: 'staff', profile, name: `The ${profile}` });
    const visitor = portal.visitor();
    await signInWith(visitor, person.email);
    await driver.enrol(visitor, portal.clock.now());
    known.set(profile, visitor);
    return visitor;
  }

  const to = (index: number, change: Partial<Noted> = {}): Noted => ({
    ...recipient(index, { personId: ada.id, number: `+49151123456${String(10 + index)}` }),
    personKind: 'contact',
    ...change,
  });

  async function row(name: string): Promise<Record<string, unknown>[]> {
    return portal.database.connection.collection(name).find().toArray();
  }

  it('say in both languages that nothing happened yet, and are whole', async () => {
    const master = await as('master-admin');
    for (const [language, sentence] of [
      ['en', /No text message was asked for yet\./],
      ['de', /Es wurde noch keine Textnachricht verlangt\./],
    ] as const)
      for (const path of ['', '/messages', '/prices', '/stop', '?days=7', '?days=30']) {
        const page = await master.get(base + path, { headers: { 'accept-language': language } });
        assert.equal(page.status, 200, path);
        await assertValidHtml(page.html, path);
        if (!/prices|stop/.test(path)) assert.match(page.text, sentence);
        assert.doesNotMatch(page.text, /\bsms\.\w+/, 'no key in place of its text');
      }
  });

  it('are there for whoever may read reports; changes are for whoever sets the policy', async () => {
    const customer = portal.visitor();
    await signInWith(customer, ada.email);
    for (const visitor of [portal.visitor(), customer, await as('support')])
      for (const path of ['', '/messages', '/prices', '/stop'])
        assert.ok([303, 403, 404].includes((await visitor.get(base + path)).status), path);
    const reader = await as('admin');
    const page = await reader.get(base);
    assert.equal(page.status, 200);
    assert.doesNotMatch(page.html, /factors\/sms\/(?:stop|resume|prices)/);
    for (const path of ['/prices', '/stop', '/resume']) {
      assert.equal((await reader.get(base + path)).status, 403, path);
      const csrf = (await reader.get('/account/security')).forms[0]?.hidden.get('_csrf') ?? '';
      const forged = { _csrf: csrf, currency: 'EUR', reason: 'x', country: '' };
      assert.equal((await reader.submit(base + path, forged, { hidden: false })).status, 403, path);
    }
    assert.deepEqual(await row('factor.sms.switches'), []);
  });

  it('take prices with a point or a comma, and keep what was typed where one is none', async () => {
    const master = await as('master-admin');
    const at = { from: `${base}/prices` };
    const refused = await master.submit(`${base}/prices`, { currency: 'EURO', price_DE: '7 cents', price_US: '1' }, at);
    assert.equal(refused.status, 422);
    await assertValidHtml(refused.html);
    assert.match(refused.html, /name="price_DE" type="text" value="7 cents"/);
    assert.match(refused.html, /name="price_US" type="text" value="1"/);
    assert.match(refused.text, /three letters.*0\.075/s);
    assert.deepEqual(await row('factor.sms.prices'), []);
    const saved = await master.submit(`${base}/prices`, { currency: 'eur', price_DE: '0,0755' }, at);
    assert.equal(saved.status, 303);
    assert.match((await master.follow(saved)).text, /The prices are saved\./);
    const again = await master.get(`${base}/prices`);
    assert.match(again.html, /name="price_DE" type="text" value="0.0755"/);
    assert.match(again.html, /name="currency" type="text" value="EUR"/);
    const twice = await master.submit(`${base}/prices`, { currency: ['EUR', 'USD'] }, at);
    assert.equal(twice.status, 400);
  });

  it('show figures by country with their cost, and messages with masked numbers that lead to their people', async () => {
    for (let index = 0; index < 8; index += 1) {
      const id = `m${String(index)}`;
      await ledger.note(id, to(index), 'accepted');
      if (index < 6) await ledger.reported({ message: { id }, state: 'delivered' });
      if (index < 4) await ledger.confirmed(id);
    }
    await ledger.answered('m7', { gateway: 'acme', fate: 'refused', fault: 'http-403', permanent: true });
    await ledger.blocked(to(1), 'person');
    await ledger.blocked(to(1), 'person');
    await ledger.blocked(to(2, { country: 'US', number: '+12025550106', purpose: 'setUp' }), 'countryLimit');
    const page = await (await as('admin')).get(base);
    await assertValidHtml(page.html);
    assert.match(page.text, /Germany 7 6 4 57 % 1 2 Too many to the person: 2 €0\.53/);
    assert.match(page.text, /United States 0 0 0 0 1 Too many to the country: 1 €0\.00/);
    assert.match(page.text, /All countries 7 6 4 57 % 1 3 .* €0\.53/);
    assert.match(page.text, /\+49\*{6}11 .{0,40} Germany Sign-in Not sent Too many to the person · 2 times/);
    assert.match(page.text, /\+49\*{6}17 .{0,40} Germany Sign-in Refused by the gateway http-403 acme/);
    assert.match(page.text, /\+1\*{6}06 .{0,40} United States Set-up Not sent Too many to the country/);
    assert.match(page.html, new RegExp(`href="/staff/contacts/${ada.id}">\\+49\\*{6}10`));
    assert.doesNotMatch(page.html, /1512345|2025550106/);
    assert.match((await (await as('admin')).get(base, { headers: { 'accept-language': 'de' } })).text, /0,53\s€/);
  });

  it('turn the pages of the list: each message once', async () => {
    const reader = await as('admin');
    for (let index = 0; index < 60; index += 1) {
      await ledger.note(`p${String(index)}`, to(index), 'accepted');
      if (index % 20 === 0) portal.clock.advance({ seconds: 1 });
    }
    let shown = 0;
    let page = await reader.get(base);
    for (;;) {
      shown += [...page.html.matchAll(/<th scope="row"[^>]*><div><a href="\/staff\/contacts/g)].length;
      const next = /href="([^"]+)" rel="next"/.exec(page.html)?.[1];
      if (next === undefined) break;
      page = await reader.get(next);
      await assertValidHtml(page.html);
    }
    assert.equal(shown, (await row('factor.sms.messages')).length);
    for (const query of [
      '?days=2',
      '?days=1&days=7',
      '/messages?after=x',
      '/messages?after=1.$ne',
      '/messages?after=a&after=b',
    ])
      assert.equal((await reader.get(base + query)).status, 400, query);
  });

  it('stop everything for a reason, tell so, and let it go on again', async () => {
    const master = await as('master-admin');
    const at = { from: `${base}/stop` };
    const refused = await master.submit(`${base}/stop`, { country: 'XX', reason: ' ' }, at);
    assert.equal(refused.status, 422);
    await assertValidHtml(refused.html);
    assert.match(refused.text, /Choose one of the options.*Fill this in/s);
    assert.deepEqual(await row('factor.sms.switches'), []);
    const done = await master.submit(`${base}/stop`, { country: '', reason: 'A flood from Riga' }, at);
    const page = await master.follow(done);
    await assertValidHtml(page.html);
    assert.match(
      page.text,
      /Text messages are stopped as you asked\..*All text messages are stopped The master-admin: A flood from Riga/,
    );
    assert.match((await (await as('admin')).get(base)).text, /All text messages are stopped/);
    const resume = { from: `${base}/resume` };
    assert.equal((await master.submit(`${base}/resume`, { reason: '' }, resume)).status, 422);
    assert.match(
      (await master.follow(await master.submit(`${base}/resume`, { reason: 'Over' }, resume))).text,
      /leave again/,
    );
    assert.equal((await master.get(`${base}/resume`)).location, base, 'there is nothing to resume');
    const events = (await row('auditEvents'))
      .filter(({ event }) => /^sms\.(stopped|resumed)$/.test(String(event)))
      .map(({ event, reason }) => [event, reason]);
    assert.deepEqual(events, [
      ['sms.stopped', 'A flood from Riga'],
      ['sms.resumed', 'Over'],
    ]);
  });

  it('stop one country, also where the portal itself did, and name it', async () => {
    const master = await as('master-admin');
    await master.submit(`${base}/stop`, { country: 'DE', reason: 'Odd' }, { from: `${base}/stop` });
    assert.match((await master.get(base)).text, /To Germany Stopped The master-admin: Odd Resume Germany/);
    const path = `${base}/resume?country=DE`;
    const answer = await master.submit(`${base}/resume`, { reason: 'Fine' }, { from: path });
    assert.equal(answer.status, 303);
    assert.doesNotMatch((await master.get(base)).text, /To Germany/);
    const events = (await row('auditEvents')).filter(({ event }) => String(event).startsWith('sms.country-'));
    assert.deepEqual(
      events.map(({ event, reason }) => [event, reason]),
      [
        ['sms.country-stopped', 'DE: Odd'],
        ['sms.country-resumed', 'DE: Fine'],
      ],
    );
  });

  it('ask for a fresh proof before a change', async () => {
    const master = await as('master-admin');
    const page = await master.get(`${base}/stop`);
    portal.clock.advance({ minutes: 6 });
    for (const path of ['/stop', '/prices', '/resume'])
      assert.match((await master.get(base + path)).location ?? '', /^\/account\/confirm/, path);
    const csrf = page.forms.find(({ action }) => action === `${base}/stop`)?.hidden.get('_csrf') ?? '';
    const late = await master.submit(`${base}/stop`, { _csrf: csrf, country: '', reason: 'x' }, { hidden: false });
    assert.match(late.location ?? '', /^\/account\/confirm/);
    assert.equal((await row('factor.sms.switches')).filter(({ stopped }) => stopped === true).length, 0);
  });
});
