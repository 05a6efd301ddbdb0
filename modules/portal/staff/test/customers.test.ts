import assert from 'node:assert/strict';
import { describeWithAuthenticator } from '../../../../test/attacks/support/authenticator.ts';
import { assertUnchanged, auditEvents } from '../../../../test/attacks/support/database.ts';
import { missingId } from '../../../../test/attacks/support/routes.ts';
import { burst, type Answer, type Visitor } from '../../../../test/support/http.ts';
import { openTestPortal, signInWith, withPortal, type TestPortal } from '../../../../test/support/portal.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { linksOf, plain, staffOf, tokenOf, valueOf } from './pages.ts';

const namesOf = (page: Answer) => linksOf(page, '/staff/contacts/').map(({ text }) => text);
const companiesOf = (page: Answer) =>
  linksOf(page, '/staff/customers/').filter(({ href }) => /\/[0-9a-f]{24}$/.test(href));
const nextOf = (page: Answer) => linksOf(page, '/').find(({ text }) => text === 'Next page')?.href;

describeWithAuthenticator('The Customers tab', () => {
  let portal: TestPortal;
  let manager: Visitor;
  let support: Visitor;
  let harbour: { id: string; name: string };
  before(async () => {
    portal = await openTestPortal();
    manager = await staffOf(portal)('sales-manager');
    support = await staffOf(portal)('support');
    harbour = await portal.companies.create('Harbour Logistics');
    const quarry = await portal.companies.create('C++ (Berlin) [x]* Söhne & Co.');
    await portal.addPerson({ name: 'Ruth Alder', email: 'ruth@harbour.example', company: harbour });
    await portal.addPerson({
      name: 'Paul Dogwood',
      email: 'paul@harbour.example',
      company: harbour,
      staffWord: 'required',
    });
    await portal.addPerson({ name: 'Dora Elm', email: 'dora@harbour.example', company: harbour, disabled: true });
    await portal.addPerson({ name: 'Quin Fir', email: 'quin@quarry.example', company: quarry, password: null });
    await portal.addPerson({ name: 'Ned Gorse', email: 'ned@quarry.example', company: quarry, staffWord: 'exempt' });
  });
  after(() => portal.close());

  it('leads from staff’s home to a contact in two clicks (D4)', async () => {
    const [tab] = linksOf(await manager.get('/staff'), '/staff/customers');
    assert.equal(tab?.text, 'Customers');
    const list = await manager.get(tab.href);
    await assertValidHtml(list.html);
    assert.match(list.text, /2 companies, 5 contacts\./);
    assert.deepEqual(
      companiesOf(list).map(({ text }) => text),
      ['C++ (Berlin) [x]* Söhne & Co.', 'Harbour Logistics'],
      'by name',
    );
    assert.match(
      list.text,
      /Harbour Logistics 3 contacts Dora Elm Disabled Paul Dogwood Required, not set up Ruth Alder Not set up/,
    );
    const contact = linksOf(list, '/staff/contacts/').find(({ text }) => text === 'Ruth Alder');
    const page = await manager.get(contact?.href ?? '');
    assert.equal(page.status, 200);
    assert.match(page.html, /<h1>Ruth Alder<\/h1>/);
  });

  it('finds contacts by the beginning of words of company, name or address, in any order', async () => {
    for (const [typed, names] of [
      ['harb', ['Dora Elm', 'Paul Dogwood', 'Ruth Alder']],
      ['LOGISTICS', ['Dora Elm', 'Paul Dogwood', 'Ruth Alder']],
      ['dogw', ['Paul Dogwood']],
      ['alder ruth', ['Ruth Alder']],
      ['  ruth   harbour ', ['Ruth Alder']],
      ['quin@qu', ['Quin Fir']],
      ['quarry.example', ['Ned Gorse', 'Quin Fir']],
      ['söhne', ['Ned Gorse', 'Quin Fir']],
      ['ogwood', []],
      ['ruth gorse', []],
    ] as const) {
      const page = await support.get(`/staff/customers?q=${encodeURIComponent(typed)}`);
      assert.deepEqual(namesOf(page), names, typed);
      assert.equal(valueOf(page, 'q'), typed, 'the value is kept');
      assert.match(page.text, names.length === 1 ? /1 contact\b/ : names.length === 0 ? /No contact/ : /\d contacts/);
    }
    const found = await support.get('/staff/customers?q=harb');
    await assertValidHtml(found.html);
    assert.equal(companiesOf(found)[0]?.text, 'Harbour Logistics', 'the company itself is found too');
  });

  it('takes what is typed literally, and is quick about it', async () => {
    for (const typed of ['c++', '(berlin)', '[x]*', '[', '&']) {
      const page = await support.get(`/staff/customers?q=${encodeURIComponent(typed)}`);
      assert.deepEqual(namesOf(page), ['Ned Gorse', 'Quin Fir'], typed);
    }
    for (const typed of ['.*', '$', 'h.rbour', '(a+)+$', '\\', '(?=', 'a{1,99999}', '-', '{"$ne":1}']) {
      const before = performance.now();
      const page = await support.get(`/staff/customers?q=${encodeURIComponent(typed)}`);
      assert.equal(page.status, 200, typed);
      assert.deepEqual(namesOf(page), [], typed);
      assert.ok(performance.now() - before < 500, typed);
    }
    const long = await support.get(`/staff/customers?q=${encodeURIComponent('a '.repeat(100))}`);
    assert.equal(long.status, 200);
  });

  it('narrows to a state of the second step, together with a search', async () => {
    for (const [query, names] of [
      ['state=notEnrolled', ['Paul Dogwood', 'Ruth Alder']],
      ['state=waiting', ['Paul Dogwood']],
      ['state=enrolled', []],
      ['state=exempt', ['Ned Gorse']],
      ['state=invited', ['Quin Fir']],
      ['state=disabled', ['Dora Elm']],
      ['state=notEnrolled&q=ruth', ['Ruth Alder']],
    ] as const) {
      const page = await support.get(`/staff/customers?${query}`);
      assert.deepEqual(namesOf(page), names, query);
      assert.match(page.html, new RegExp(`value="${/state=(\w+)/.exec(query)?.[1] ?? ''}" selected`));
    }
  });

  it('counts what groups of companies require, in its filter and on its badges', async () => {
    const { groups } = portal.engine;
    const group = await groups.create('High value', 'required');
    assert.ok(group);
    await groups.put(harbour.id, group.id);
    const waiting = async () => namesOf(await support.get('/staff/customers?state=waiting'));
    const badgeOf = async () => {
      const page = await support.get('/staff/customers?q=ruth');
      return /badge badge-(\w+)/.exec(page.html)?.[1];
    };
    try {
      assert.deepEqual(await waiting(), ['Paul Dogwood', 'Ruth Alder']);
      assert.equal(await badgeOf(), 'required');
      await setPolicy(portal, { mode: 'required' });
      await groups.change(group.id, { name: 'Left alone', word: 'off' });
      assert.deepEqual(await waiting(), ['Paul Dogwood'], 'what staff said of Paul stays');
      assert.equal(await badgeOf(), 'off');
      await groups.take(harbour.id, group.id);
      assert.deepEqual(await waiting(), ['Paul Dogwood', 'Ruth Alder']);
    } finally {
      await groups.remove(group.id);
      await setPolicy(portal, { mode: 'optional' });
    }
  });

  it('says what belongs there while it is empty, and lets whoever may add the first', async () => {
    await withPortal(async (empty) => {
      const [admin, reader] = [await staffOf(empty)('admin'), await staffOf(empty)('support')];
      const page = await admin.get('/staff/customers');
      await assertValidHtml(page.html);
      assert.match(page.text, /Your customers belong here.*Add the first company/);
      const seen = await reader.get('/staff/customers');
      assert.match(seen.text, /Your customers belong here/);
      assert.deepEqual(linksOf(seen, '/staff/customers/add'), []);
      const added = await admin.submit('/staff/customers/add', { name: '  Zeta  Works ' });
      const company = await admin.follow(added);
      assert.match(company.text, /“?Zeta Works”? is added|Zeta {1,2}Works is added/);
      assert.match(company.text, /The people who sign in for this company belong here\. Add the first contact/);
    });
  });

  it('refuses forged places in the list and forged filters', async () => {
    for (const query of [
      'after=x',
      'after=',
      'after=WyJhIiwiYiJd',
      'state=none',
      'q=a&q=b',
      'state[$ne]=x&state=',
      'after=a&after=b',
    ]) {
      const page = await support.get(`/staff/customers?${query}`);
      assert.equal(page.status, query.startsWith('state[') ? 200 : 400, query);
    }
  });

  it('adds a company and a contact, who is invited and alone chooses a password (PW-8)', async () => {
    const added = await manager.submit('/staff/customers/add', { name: 'Fabrikam' });
    assert.match(added.location ?? '', /^\/staff\/customers\/[0-9a-f]{24}$/);
    const path = `${added.location ?? ''}/contacts/add`;
    const form = await manager.get(path);
    await assertValidHtml(form.html);
    assert.doesNotMatch(form.html, /type="password"|name="password"/);
    const fields = {
      name: 'Fay Heath',
      email: 'Fay@Fabrikam.example',
      password: 'quiet harbour lantern 42',
      staffWord: 'exempt',
      kind: 'staff',
      profile: 'admin',
    };
    const answer = await manager.submit(path, fields);
    assert.equal(answer.status, 303);
    const page = await manager.follow(answer);
    assert.match(page.text, /Fay Heath is added\. An invitation is on its way to Fay@Fabrikam\.example\./);
    assert.match(page.text, /Open until/);
    const found = await portal.accounts.findByEmail('fay@fabrikam.example');
    assert.equal(found?.password, null);
    assert.deepEqual(
      [found.person.kind, found.person.staffWord, found.person.profileId, found.person.companyName],
      ['contact', 'inherit', null, 'Fabrikam'],
    );
    const [mail] = await portal.mails();
    assert.equal(mail?.to, 'Fay@Fabrikam.example');
    assert.match(mail.text, /The sales-manager/, 'it says who invites');
    assert.match(mail.text, /\/invitation\/[A-Za-z0-9_-]{43}/);
    assert.deepEqual(
      (await auditEvents(portal)).filter((event) => /^(?:company|person)\./.test(event)),
      ['company.added', 'person.invited'],
    );
  });

  it('refuses a contact without name or with an address that is none or taken, and keeps what was typed', async () => {
    const path = `/staff/customers/${harbour.id}/contacts/add`;
    for (const [fields, said] of [
      [{ name: '', email: 'new@harbour.example' }, /Fill in this field|Fill this/],
      [{ name: 'New', email: 'no address' }, /Enter an e-mail address/],
      [{ name: 'New', email: 'RUTH@harbour.example' }, /Somebody already has this/],
      [{ name: 'a\u202eb', email: 'new@harbour.example' }, /cannot be used|can’t be used/],
    ] as const) {
      const answer = await assertUnchanged(portal, () => manager.submit(path, fields, { from: path }), said.source);
      assert.equal(answer.status, 422);
      assert.match(answer.text, said);
      assert.equal(valueOf(answer, 'email'), fields.email);
      await assertValidHtml(answer.html);
    }
    const empty = await assertUnchanged(portal, () => manager.submit('/staff/customers/add', { name: ' ' }), 'no name');
    assert.equal(empty.status, 422);
  });

  it('adds one contact when the form is sent many times at once, in two processes', async () => {
    const twin = await portal.twin();
    const second = manager.clone();
    Object.assign(second, { base: new URL(twin.url) });
    const path = `/staff/customers/${harbour.id}/contacts/add`;
    const fields = { name: 'Many Times', email: 'many@harbour.example' };
    const answers = await burst(10, (index) =>
      (index % 2 === 0 ? manager : second).clone().holdSubmit(path, fields, { from: path }),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, ...Array<number>(9).fill(422)]);
    assert.equal(await portal.directory.count({ kind: 'contact', query: 'many@harbour.example' }), 1);
    assert.equal((await portal.mails()).filter(({ to }) => to === 'many@harbour.example').length, 1);
  });

  it('shows what the profile does not allow to nobody, and refuses it when it is forged', async () => {
    const forms = ['/staff/customers/add', `/staff/customers/${harbour.id}/contacts/add`];
    for (const page of [await support.get('/staff/customers'), await support.get(`/staff/customers/${harbour.id}`)]) {
      assert.equal(page.status, 200);
      assert.deepEqual(
        linksOf(page, '/').filter(({ href }) => /add$|announce/.test(href)),
        [],
      );
    }
    const token = await tokenOf(support);
    for (const path of [...forms, '/staff/customers/announce', `/staff/customers/${missingId}/contacts/add`]) {
      await assertUnchanged(
        portal,
        async () => {
          assert.equal((await support.get(path)).status, 403, path);
          const fields = { name: 'Eve', email: 'eve@example.com', _csrf: token };
          assert.equal((await support.submit(path, fields, { hidden: false })).status, 403, `POST ${path}`);
        },
        path,
      );
    }
  });

  it('is not there for customers, nor for a profile that is none', async () => {
    const contact = portal.visitor();
    await signInWith(contact, 'ruth@harbour.example');
    const nowhere = await contact.get('/nowhere');
    const stranger = await staffOf(portal)('no-such-profile');
    for (const path of [
      '/staff/customers',
      '/staff/customers/add',
      `/staff/customers/${harbour.id}`,
      '/staff/customers/announce',
    ]) {
      const page = await contact.get(path);
      assert.equal(page.status, 404, path);
      assert.equal(page.text, nowhere.text, path);
      assert.equal((await stranger.get(path)).status, 403, path);
    }
  });

  it('answers ids of people, missing and malformed ones of companies with the same page', async () => {
    const ruth = await portal.accounts.findByEmail('ruth@harbour.example');
    const missing = await manager.get(`/staff/customers/${missingId}`);
    const token = await tokenOf(manager);
    assert.equal(missing.status, 404);
    for (const id of [ruth?.person.id ?? '', 'x', harbour.id.toUpperCase(), `${harbour.id}0`, '$ne', '%F0%9F%98%80']) {
      for (const path of [`/staff/customers/${id}`, `/staff/customers/${id}/contacts/add`]) {
        if (path === `/staff/customers/${harbour.id.toUpperCase()}` && harbour.id === harbour.id.toUpperCase())
          continue;
        const page = await manager.get(path);
        assert.equal(page.status, 404, path);
        assert.equal(plain(page), plain(missing), path);
      }
      const path = `/staff/customers/${id}/contacts/add`;
      const fields = { name: 'Eve', email: 'eve@example.com', _csrf: token };
      const sent = await assertUnchanged(portal, () => manager.submit(path, fields, { hidden: false }), path);
      assert.equal(plain(sent), plain(missing), `POST ${path}`);
    }
  });

  it('shows markup in names as text', async () => {
    for (const payload of [
      '<script>alert(1)</script>',
      '"><img src=x onerror=alert(1)>',
      "' onmouseover='alert(1)",
      '</title><b>',
    ]) {
      const company = await portal.companies.create(payload);
      await portal.addPerson({ name: payload, company });
      for (const path of [
        '/staff/customers',
        `/staff/customers?q=${encodeURIComponent(payload)}`,
        `/staff/customers/${company.id}`,
        `/staff/customers/${company.id}/contacts/add`,
        `/staff/customers/announce?q=${encodeURIComponent(payload)}`,
      ]) {
        const page = await manager.get(path);
        assert.equal(page.status, 200, path);
        assert.doesNotMatch(page.html, /<script>|<img src=x|' onmouseover='|<b>/, path);
      }
    }
    await assertValidHtml((await manager.get('/staff/customers')).html);
  });
});

describeWithAuthenticator('A long list of customers', () => {
  let portal: TestPortal;
  let reader: Visitor;
  before(async () => {
    portal = await openTestPortal();
    reader = await staffOf(portal)('support');
  });
  after(() => portal.close());

  /** Follows "Next page" to the end; `meanwhile` happens between two pages. */
  async function walk(
    path: string,
    read: (page: Answer) => string[],
    meanwhile: () => Promise<unknown>,
  ): Promise<string[][]> {
    const pages: string[][] = [];
    let next: string | undefined = path;
    while (next !== undefined) {
      const page: Answer = await reader.get(next);
      assert.equal(page.status, 200);
      pages.push(read(page));
      assert.equal(page.text.includes('Back to the first page'), next !== path);
      next = nextOf(page);
      if (next !== undefined) await meanwhile();
    }
    return pages;
  }

  it('is gone through by key: no company is lost or shown twice, though names are equal and others are added', async () => {
    const ids = [];
    for (let count = 0; count < 63; count += 1) {
      const name = count % 3 === 0 ? 'Same Name' : `Company ${String(count)}`;
      ids.push((await portal.companies.create(name)).id);
    }
    const pages = await walk(
      '/staff/customers',
      (page) => companiesOf(page).map(({ href }) => href.replace('/staff/customers/', '')),
      () => portal.companies.create('Aardvark'),
    );
    assert.deepEqual(
      pages.map(({ length }) => length),
      [20, 20, 20, 3],
    );
    assert.deepEqual(pages.flat().sort(), ids.sort());
  });

  it('shows ten contacts under a company and says how many there are; its own page goes through all of them', async () => {
    const company = await portal.companies.create('AAA Many');
    const password = await portal.hasher.hash('quiet harbour lantern 42');
    const ids: string[] = [];
    for (let count = 0; count < 45; count += 1)
      ids.push(
        (await portal.addPerson({ company, password, name: count % 2 === 0 ? 'Ann Same' : `Zoe ${String(count)}` })).id,
      );
    const list = await reader.get('/staff/customers');
    assert.match(list.text, /AAA Many 45 contacts/);
    assert.equal(namesOf(list).length, 10);
    const all = linksOf(list, `/staff/customers/${company.id}`).find(({ text }) => text.startsWith('All 45 contacts'));
    const read = (page: Answer) =>
      linksOf(page, '/staff/contacts/').map(({ href }) => href.replace('/staff/contacts/', ''));
    for (const path of [all?.href ?? '', '/staff/customers?q=many', '/staff/customers?state=notEnrolled']) {
      const pages = await walk(path, read, () => Promise.resolve());
      assert.deepEqual(
        pages.map(({ length }) => length),
        [20, 20, 5],
        path,
      );
      assert.deepEqual(pages.flat().sort(), [...ids].sort(), path);
    }
  });
});
