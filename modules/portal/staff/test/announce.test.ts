import assert from 'node:assert/strict';
import { describeWithAuthenticator } from '../../../../test/attacks/support/authenticator.ts';
import { assertUnchanged } from '../../../../test/attacks/support/database.ts';
import { addMember } from '../../../../test/attacks/support/people.ts';
import { burst, type Answer, type Visitor } from '../../../../test/support/http.ts';
import { openTestPortal, type TestPortal } from '../../../../test/support/portal.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { linksOf, staffOf, tokenOf, valueOf } from './pages.ts';

const path = '/staff/customers/announce';

describeWithAuthenticator('The notice before a second step is required (D16)', () => {
  let portal: TestPortal;
  let manager: Visitor;
  before(async () => {
    portal = await openTestPortal({ environment: { SITE_NAME: 'Harbour & Sons', HELP_CONTACT: 'call 555 0100' } });
    manager = await staffOf(portal)('sales-manager');
    const company = await portal.companies.create('Northwind');
    const enrolled = await addMember(portal, { name: 'Enrolled', email: 'enrolled@example.com', company });
    await portal.engine.noteState(enrolled.person);
    await portal.addPerson({ name: 'Anna Ash', email: 'anna@example.com', company });
    const bela = await portal.addPerson({ name: 'Béla Birch', email: 'bela@example.com', company });
    await portal.accounts.setPreferences(bela.id, { language: 'de', timeZone: null });
    await portal.addPerson({ name: 'Cora', email: 'cora@example.com', company, staffWord: 'required' });
    await portal.addPerson({ name: 'Dora', email: 'disabled@example.com', company, disabled: true });
    await portal.addPerson({ name: 'Emil', email: 'invited@example.com', company, password: null });
    await portal.addPerson({ name: 'Fred', email: 'exempt@example.com', company, staffWord: 'exempt' });
  });
  after(() => portal.close());

  const announced = async () =>
    (await portal.mails()).filter(({ subject }) => /second step|zweiter Schritt/i.test(subject));
  const day = (days: number) => new Date(portal.clock.now().getTime() + days * 86_400_000).toISOString().slice(0, 10);
  const audited = async () => (await portal.audit.latest({ event: 'mfa.announced' }, 10)).map(({ detail }) => detail);

  /** Opens the page for a selection and presses the button of the second form. */
  async function send(query: string): Promise<Answer> {
    const page = await manager.get(`${path}?${query}`);
    const form = page.forms.find(({ action, method }) => action === path && method === 'post');
    return manager.submit(path, Object.fromEntries(form?.hidden ?? []), { hidden: false });
  }

  it('is reached from the list with the selection as it is, and shows who gets it and what it says', async () => {
    const list = await manager.get('/staff/customers?state=notEnrolled');
    const link = linksOf(list, path)[0];
    assert.equal(link?.href, `${path}?state=notEnrolled`);
    const page = await manager.get(`${link.href}&from=${day(30)}`);
    await assertValidHtml(page.html);
    assert.match(page.text, /Recipients 3/);
    assert.match(page.text, /Harbour & Sons: A second step will protect your sign-in From \d+ \w+ \d{4} on/);
    assert.match(page.text, /Questions\? call 555 0100/);
    assert.match(page.html, /<button[^>]*>Send it to 3 people<\/button>/);
    assert.match((await manager.get(`${path}?state=waiting`)).text, /Recipients 1 .*Send it to 1 person/);
    assert.match((await manager.get(path)).text, /Recipients 5 /, 'neither the disabled nor who has no password');
    await assertUnchanged(portal, () => manager.get(path), 'the preview');
  });

  it('asks for another day where it is none, is over, or is far away, and sends nothing', async () => {
    for (const from of [day(-1), day(800), '2030-02-31', 'tomorrow', '2030-1-1', '9999-99-99', '<b>']) {
      const page = await manager.get(`${path}?from=${encodeURIComponent(from)}`);
      assert.match(page.text, /Choose a day from today on/, from);
      assert.ok(!page.forms.some(({ method, action }) => method === 'post' && action === path), from);
      const fields = {
        q: '',
        state: '',
        from,
        id: '00000000-0000-4000-8000-000000000000',
        _csrf: await tokenOf(manager),
      };
      const answer = await assertUnchanged(portal, () => manager.submit(path, fields, { hidden: false }), from);
      assert.equal(answer.status, 422, from);
    }
    assert.match((await manager.get(`${path}?from=${day(0)}`)).html, /Send it to/);
  });

  it('goes to each of them once, in their language, and is noted with filter and number', async () => {
    const answer = await send(`state=notEnrolled&from=${day(30)}`);
    assert.equal(answer.location, '/staff/customers?state=notEnrolled');
    assert.match((await manager.follow(answer)).text, /The notice is on its way\. Recipients: 3\./);
    const mails = await announced();
    assert.deepEqual(mails.map(({ to }) => to).sort(), ['anna@example.com', 'bela@example.com', 'cora@example.com']);
    const anna = mails.find(({ to }) => to === 'anna@example.com');
    assert.match(anna?.text ?? '', /From \d+ \w+ \d{4} on, signing in to Harbour & Sons/);
    assert.ok(anna?.text.includes(`${portal.url}/account/security`));
    assert.match(mails.find(({ to }) => to === 'bela@example.com')?.text ?? '', /Ab dem \d+\. \w+ \d{4} brauchen Sie/);
    assert.ok(mails.every(({ text }) => !/token=|\/(?:invitation|reset-password)\//.test(text)));
    const [noted] = await audited();
    assert.deepEqual(
      { ...noted, announcement: '' },
      { announcement: '', count: 3, state: 'notEnrolled', searched: false, from: day(30) },
    );
  });

  it('is mailed once to each however often the button is pressed, and again when it is announced anew', async () => {
    const before = (await announced()).length;
    const page = await manager.get(`${path}?q=anna`);
    const form = page.forms.find(({ method, action }) => method === 'post' && action === path);
    const fields = Object.fromEntries(form?.hidden ?? []);
    const twin = await portal.twin();
    const answers = await burst(6, () => manager.clone().holdSubmit(path, fields, { hidden: false }));
    assert.ok(answers.every(({ status }) => status === 303));
    await Promise.all([portal.tasks.work(), twin.tasks.work()]);
    await manager.submit(path, fields, { hidden: false });
    assert.equal((await announced()).length, before + 1);
    assert.ok((await audited()).filter((detail) => detail?.['searched'] === true).length <= 2);
    await send('q=anna');
    assert.equal((await announced()).length, before + 2);
  });

  it('reaches everybody of a long selection, also where the work is done twice', async () => {
    const company = await portal.companies.create('Many People');
    const password = await portal.hasher.hash('quiet harbour lantern 42');
    for (let count = 0; count < 103; count += 1)
      await portal.addPerson({
        company,
        password,
        name: `Mia ${String(count % 7)}`,
        email: `mia${String(count)}@many.example`,
      });
    await send('q=many');
    const row = await portal.database.connection.collection('tasks').findOne({ kind: 'mfa-announcement' });
    assert.ok(row);
    // As after a kill: the first step was done, but not taken off the list.
    await portal.tasks.work();
    await portal.database.connection.collection('tasks').insertOne({ ...row, dueAt: portal.clock.now(), lease: null });
    const sent = (await announced()).filter(({ to }) => to.endsWith('@many.example'));
    assert.equal(sent.length, 103);
    assert.equal(new Set(sent.map(({ to }) => to)).size, 103);
    const noted = (await audited()).filter((detail) => Number(detail?.['count']) > 100);
    assert.deepEqual(
      noted.map((detail) => detail?.['count']),
      [103],
    );
  });

  it('does not offer to set up what nobody can set up yet, and is not sent to nobody', async () => {
    await setPolicy(portal, { mode: 'off' });
    const page = await manager.get(`${path}?q=anna`);
    assert.match(page.text, /There is nothing to do now: you are asked to set it up when you sign in/);
    assert.doesNotMatch(page.text, /Set it up now/);
    const nobody = await manager.get(`${path}?state=disabled`);
    assert.match(nobody.text, /nobody to tell/);
    const fields = { q: '', state: 'disabled', from: '', id: valueOf(page, 'id'), _csrf: await tokenOf(manager) };
    const answer = await assertUnchanged(portal, () => manager.submit(path, fields, { hidden: false }), 'nobody');
    assert.equal(answer.status, 422);
    for (const forged of [{ state: 'all' }, { id: 'x' }, { id: '' }, { q: 'x'.repeat(300) }]) {
      const refused = await assertUnchanged(
        portal,
        () => manager.submit(path, { ...fields, ...forged }, { hidden: false }),
        'forged',
      );
      assert.equal(refused.status, 400);
    }
  });
});
