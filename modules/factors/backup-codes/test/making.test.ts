import assert from 'node:assert/strict';
import { readTags } from '../../../../test/support/html.ts';
import { burst, type Answer, type Visitor } from '../../../../test/support/http.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { openTestPortal, withPortal, type TestPortal } from '../../../../test/support/portal.ts';
import backupCodes from '../index.ts';
import { driver, home, readCodes } from './driver.ts';
import { asked, give, security, withCodes, withPrimary } from './people.ts';

const download = `${home}/download`;

async function assertWholePage(page: Answer): Promise<void> {
  await assertValidHtml(page.html, page.url.pathname);
  assert.equal(readTags(page.html).filter((tag) => tag.name === 'h1' && !tag.closes).length, 1);
  assert.match(String(page.headers['cache-control']), /no-store/);
}

describe('Making backup codes', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  before(async () => {
    portal = await openTestPortal();
    twin = await portal.twin();
  });
  after(() => portal.close());
  beforeEach(() => {
    portal.clock.advance({ minutes: 16 });
  });

  const press = (visitor: Visitor) => visitor.submit(home, {}, { from: home });

  it('is offered on the security page once a primary factor is set up, and not before', async function () {
    const person = await portal.addPerson();
    const visitor = portal.visitor();
    await visitor.submit(
      '/sign-in',
      { email: person.email, password: 'quiet harbour lantern 42' },
      { from: '/sign-in' },
    );
    assert.doesNotMatch((await visitor.get(security)).text, /Backup codes/);
    assert.equal((await visitor.get(home)).status, 404);
    const member = await withPrimary(portal, this, person);
    const page = await member.visitor.get(security);
    assert.match(page.text, /Backup codes Off/);
    assert.ok(page.html.includes(`href="${home}"`));
  });

  it('makes as many as the policy says, and says so before', async function () {
    const { visitor } = await withPrimary(portal, this);
    await setPolicy(portal, { factors: { [driver.id]: { enabled: true, count: 8 } } });
    try {
      assert.match((await visitor.get(home)).text, /You get 8 codes/);
      assert.equal(readCodes((await press(visitor)).html).length, 8);
    } finally {
      await setPolicy(portal, { factors: {} });
    }
    assert.equal(readCodes((await press(visitor)).html).length, 5);
  });

  it('shows five codes in the answer to the POST, in whole pages that nobody keeps, and never again', async function () {
    const { visitor } = await withPrimary(portal, this);
    await assertWholePage(await visitor.get(home));
    const page = await press(visitor);
    assert.equal(page.status, 200);
    await assertWholePage(page);
    const codes = readCodes(page.html);
    assert.deepEqual(
      codes.map((code) => code.split('-')[0]),
      ['1', '2', '3', '4', '5'],
    );
    for (const path of [home, security, '/home']) {
      const later = await visitor.get(path);
      assert.equal(later.status, 200);
      await assertWholePage(later);
      for (const code of codes) assert.ok(!later.html.includes(code), path);
    }
    assert.match((await visitor.get(security)).text, /5 of 5 codes are left/);
  });

  it('kills the codes that were there before', async function () {
    const { person, visitor, paper } = await withCodes(portal, this);
    const second = await driver.enrol(visitor);
    assert.match((await visitor.get(security)).text, /5 of 5 codes are left/);
    assert.equal((await give(await asked(portal, person), paper.codes[0]!)).status, 422);
    assert.equal((await give(await asked(portal, person), second.codes[0]!)).status, 303);
    const rows = await portal.engine.enrolments.activeOf(person.id);
    assert.equal(rows.filter(({ factor }) => factor === driver.id).length, 1);
  });

  it('in place of old ones is told by mail, once, and noted as a renewal', async function () {
    const { person, visitor } = await withCodes(portal, this);
    const renewed = async () =>
      (await portal.mails()).filter(({ to, subject }) => to === person.email && subject.endsWith('new ones were made'));
    assert.deepEqual(await renewed(), []);
    const { codes } = await driver.enrol(visitor);
    const mails = await renewed();
    assert.equal(mails.length, 1);
    assert.match(mails[0]!.text, /The old ones no longer work/);
    for (const code of codes) assert.ok(!mails[0]!.text.includes(code));
    const rows = (await portal.audit.latest({ personId: person.id }, 50)).filter(
      ({ event }) => event === 'enrolment.renewed',
    );
    assert.deepEqual(
      rows.map(({ factor, target }) => [factor, target?.id]),
      [[driver.id, person.id]],
    );
  });

  it('does not happen again on a reload or in another window: the codes that were shown go on working', async function () {
    const { person, visitor } = await withPrimary(portal, this);
    await press(visitor);
    const before = await visitor.get(home);
    const form = Object.fromEntries(before.forms.find(({ action }) => action === home)?.hidden ?? []);
    const shown = await visitor.submit(home, form, { hidden: false });
    assert.equal(shown.status, 200);
    const again = await visitor.submit(home, form, { hidden: false });
    assert.equal(again.status, 422);
    await assertWholePage(again);
    assert.match(again.text, /Codes were made just now/);
    assert.equal((await give(await asked(portal, person), readCodes(shown.html)[0]!)).status, 303);
  });

  for (const [name, hasCodes] of Object.entries({ 'the first ones': false, 'new ones': true })) {
    it(`wins once when ten ask two portals for ${name} at the same moment`, async function () {
      const { person, visitor } = await (hasCodes ? withCodes(portal, this) : withPrimary(portal, this));
      const browsers = Array.from({ length: 10 }, (_, index) => {
        const browser = (index % 2 === 0 ? portal : twin).visitor();
        for (const [cookie, value] of visitor.cookies) browser.cookies.set(cookie, value);
        return browser;
      });
      const answers = await burst(10, (index) => browsers[index]!.holdSubmit(home, {}, { from: home }));
      const won = answers.filter(({ status }) => status === 200);
      assert.equal(won.length, 1, answers.map(({ status }) => status).join(' '));
      const rows = await portal.engine.enrolments.activeOf(person.id);
      assert.equal(rows.filter(({ factor }) => factor === driver.id).length, 1);
      assert.equal((await give(await asked(portal, person), readCodes(won[0]!.html)[0]!)).status, 303);
    });
  }

  it('keeps a code used meanwhile from coming back, and the new ones from being lost', async function () {
    const { person, visitor, paper } = await withCodes(portal, this);
    const using = await asked(twin, person);
    const [made, used] = await burst(2, (index) =>
      index === 0
        ? visitor.holdSubmit(home, {}, { from: home })
        : using.holdSubmit('/sign-in/challenge', { code: paper.codes[0]! }, { from: '/sign-in/challenge' }),
    );
    assert.ok([303, 422].includes(used!.status));
    assert.equal(made!.status, 200, made!.text);
    assert.equal((await give(await asked(portal, person), paper.codes[0]!)).status, 422);
    assert.equal((await give(await asked(portal, person), readCodes(made!.html)[0]!)).status, 303);
  });

  // BC-6: the file comes in a POST, out of an envelope that only this person opens, for ten minutes.
  it('gives the codes as a text file for ten minutes, also when the proof is no longer fresh', async function () {
    const { person, visitor } = await withPrimary(portal, this);
    portal.clock.advance({ minutes: 4 });
    const page = await press(visitor);
    portal.clock.advance({ minutes: 9 });
    const form = Object.fromEntries(page.forms.find(({ action }) => action === download)?.hidden ?? []);
    for (const code of readCodes(page.html)) assert.ok(!JSON.stringify(form).includes(code));
    const file = await visitor.submit(download, form, { hidden: false });
    assert.equal(file.status, 200, file.text);
    assert.equal(file.headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(file.headers['content-disposition'], 'attachment; filename=gatehouse-backup-codes.txt');
    assert.match(String(file.headers['cache-control']), /no-store/);
    for (const part of [
      ...readCodes(page.html),
      'Gatehouse',
      person.email,
      String(portal.clock.now().getUTCFullYear()),
    ])
      assert.ok(file.html.includes(part), part);
    assert.notEqual((await visitor.get(download)).status, 200);
    portal.clock.advance({ minutes: 1 });
    const late = await visitor.submit(download, form, { hidden: false });
    assert.equal(late.status, 422);
    await assertWholePage(late);
  });

  it('gives no file for another person’s envelope, one of codes that were replaced, or a forged one', async function () {
    const ada = await withPrimary(portal, this);
    const eve = await withCodes(portal, this);
    const page = await press(ada.visitor);
    const hidden = page.forms.find(({ action }) => action === download)?.hidden;
    const sealed = hidden?.get('sealed') ?? '';
    const token = async (visitor: Visitor) =>
      (await visitor.get(home)).forms.find(({ action }) => action === home)!.hidden.get('_csrf')!;
    const ask = async (visitor: Visitor, envelope: string) =>
      (await visitor.submit(download, { _csrf: await token(visitor), sealed: envelope }, { hidden: false })).status;
    assert.equal(await ask(eve.visitor, sealed), 422);
    for (const forged of ['', 'x', `${sealed}A`, sealed.slice(0, -6), 'v1.test.AAAA', '9'.repeat(9000)])
      assert.equal(await ask(ada.visitor, forged), 422, forged.slice(0, 20));
    assert.equal(await ask(ada.visitor, sealed), 200);
    await driver.enrol(ada.visitor);
    assert.equal(await ask(ada.visitor, sealed), 422);
  });

  it('asks for a fresh proof', async function () {
    const { visitor } = await withPrimary(portal, this);
    portal.clock.advance({ minutes: 6 });
    assert.match(String((await visitor.get(home)).location), /^\/account\/confirm\?/);
  });

  it('ends the person’s other sign-ins the first time, as any new factor does', async function () {
    const { person, visitor, primary, device } = await withPrimary(portal, this);
    portal.clock.advance({ seconds: 60 });
    const other = portal.visitor();
    await other.submit('/sign-in', { email: person.email, password: 'quiet harbour lantern 42' }, { from: '/sign-in' });
    await give(other, primary.code(device, portal.clock.now()));
    assert.equal((await other.get(security)).status, 200);
    await driver.enrol(visitor);
    assert.notEqual((await other.get(security)).status, 200);
    assert.equal((await visitor.get(security)).status, 200);
  });
});

describe('How many backup codes there are', () => {
  it('is a setting', async function () {
    await withPortal(
      async (portal) => {
        const { paper, person } = await withCodes(portal, this);
        assert.equal(paper.codes.length, 16);
        assert.equal((await give(await asked(portal, person), paper.codes[15]!)).status, 303);
      },
      { environment: { BACKUP_CODES: '16' } },
    );
  });

  it('cannot be fewer than five, more than sixteen, or no number', () => {
    const { settings } = backupCodes;
    for (const value of ['4', '17', '5.5', 'many', '-1'])
      assert.equal(settings.safeParse({ BACKUP_CODES: value }).success, false, value);
    for (const value of ['5', '16', 'off', undefined])
      assert.equal(settings.safeParse({ BACKUP_CODES: value }).success, true, value);
  });

  it('is five in the example, for everybody who is enrolled', async function () {
    await withPortal(async (portal) => {
      const { person, visitor } = await withPrimary(portal, this);
      const now = (await portal.accounts.byId(person.id)) ?? person;
      const seeded = await portal.engine.factors.get(driver.id)?.running.seed?.(now);
      const codes = seeded?.['backupCodes'] as string[];
      assert.equal(codes.length, 5);
      assert.match((await visitor.get(security)).text, /5 of 5 codes are left/);
      assert.equal((await give(await asked(portal, person), codes[4]!)).status, 303);
    });
  });
});
