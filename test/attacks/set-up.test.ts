// The attack: somebody reaches a new portal before its owner, uses the set-up link twice or twenty times at once, guesses it, finds
// it in a history or a log, or makes an administrator without a second factor.
// PW-1, PW-3, PW-8, AZ-5, REC-5.
import assert from 'node:assert/strict';
import { burst, type Answer, type Visitor } from '../support/http.ts';
import { openTestPortal, password, signInWith, withPortal, type TestPortal } from '../support/portal.ts';
import { describeWithAuthenticator } from './support/authenticator.ts';
import { isSignedIn } from './support/people.ts';

const owner = { name: 'Ada Lovelace', email: 'ada@example.com', password };

async function linkOf(portal: TestPortal): Promise<string> {
  const token = await portal.setUp.newToken();
  assert.ok(token);
  return `/set-up/${token}`;
}

async function open(visitor: Visitor, link: string): Promise<Visitor> {
  await visitor.get(link);
  return visitor;
}

const staffOf = (portal: TestPortal) =>
  portal.database.connection.collection('people').countDocuments({ kind: 'staff' });

describe('The set-up of a new portal', () => {
  let portal: TestPortal;
  beforeEach(async () => {
    portal = await openTestPortal();
  });
  afterEach(() => portal.close());

  it('makes exactly one administrator when twenty browsers send the form at once to two portals', async () => {
    const twin = await portal.twin();
    const link = await linkOf(portal);
    const answers = await burst(20, async (index) => {
      const visitor = await open((index % 2 === 0 ? portal : twin).visitor(), link);
      return visitor.holdSubmit('/set-up', { ...owner, email: `ada${String(index)}@example.com` }, { from: '/set-up' });
    });
    assert.equal(
      answers.filter(({ status }) => status === 303).length,
      1,
      answers.map(({ status }) => status).join(' '),
    );
    for (const { status } of answers) assert.ok([303, 403].includes(status), String(status));
    assert.equal(await staffOf(portal), 1);
  });

  it('is closed for good after that: the link, the newer one, another process and a restart all find it closed', async () => {
    const link = await linkOf(portal);
    const other = await linkOf(portal);
    const visitor = await open(portal.visitor(), link);
    const late = await open(portal.visitor(), other);
    const page = await late.get('/set-up');
    assert.equal(page.status, 200);
    assert.equal((await visitor.submit('/set-up', owner, { from: '/set-up' })).status, 303);
    const token = page.forms[0]?.hidden.get('_csrf') ?? '';
    assert.equal(
      (await late.submit('/set-up', { ...owner, email: 'eve@example.com', _csrf: token }, { hidden: false })).status,
      403,
    );
    const twin = await portal.twin();
    for (const where of [portal, twin]) {
      for (const one of [link, other]) {
        const again = await open(where.visitor(), one);
        assert.equal((await again.get('/set-up')).status, 403);
      }
      assert.equal(await where.setUp.newToken(), null);
    }
    await portal.database.connection.collection('people').deleteMany({});
    assert.equal(await twin.setUp.newToken(), null, 'not even when the people are gone');
    assert.equal(await staffOf(portal), 0);
  });

  it('knows no token but its own, and no default account', async () => {
    await linkOf(portal);
    for (const token of ['x'.repeat(43), 'A'.repeat(43), '-'.repeat(43)]) {
      const visitor = await open(portal.visitor(), `/set-up/${token}`);
      assert.equal((await visitor.get('/set-up')).status, 403);
    }
    for (const token of ['short', 'x'.repeat(44), '%24ne', '__proto__']) {
      assert.ok([404, 303].includes((await portal.visitor().get(`/set-up/${token}`)).status));
    }
    assert.equal((await portal.visitor().get('/set-up')).status, 403);
    for (const email of [
      'admin@example.com',
      'admin@localhost.localdomain',
      'root@example.com',
      'mara@staff.example',
    ]) {
      for (const word of ['admin', 'password', 'gatehouse', 'changeme', password]) {
        assert.notEqual((await signInWith(portal.visitor(), email, word)).status, 303);
      }
    }
    assert.equal(await portal.database.connection.collection('people').countDocuments(), 0);
  });

  it('ends with the link’s twenty-four hours', async () => {
    const visitor = await open(portal.visitor(), await linkOf(portal));
    portal.clock.advance({ hours: 24 });
    assert.equal((await visitor.get('/set-up')).status, 403);
  });

  it('takes the token out of the address at the first hit, and keeps it out of pages, cookies of scripts, the log and the database', async () => {
    const link = await linkOf(portal);
    const token = link.slice('/set-up/'.length);
    const visitor = portal.visitor();
    const first = await visitor.get(link);
    assert.equal(first.status, 303);
    assert.equal(first.location, '/set-up');
    assert.match(String(first.headers['set-cookie']), /HttpOnly/);
    assert.equal(first.headers['referrer-policy'], 'same-origin');
    const page = await visitor.get('/set-up');
    assert.ok(!page.html.includes(token));
    await visitor.submit('/set-up', owner, { from: '/set-up' });
    assert.ok(!portal.logLines().join('\n').includes(token));
    const rows = await portal.database.connection.collection('portal').find().toArray();
    assert.ok(!JSON.stringify(rows).includes(token));
  });

  it('refuses weak passwords with the reason and keeps the other values', async () => {
    const visitor = await open(portal.visitor(), await linkOf(portal));
    const weak: [string, RegExp][] = [
      ['', /Fill this in/],
      ['fourteen chars', /at least 15/],
      ['a'.repeat(20), /lists that attackers try/],
      ['passwordpassword', /lists that attackers try/],
      ['123456789012345678', /lists that attackers try/],
      ['ada@example.com', /too close to/],
      ['Gatehouse Gatehouse', /too close to/],
      ['Ada Lovelace 2024!', /too close to/],
      ['long enough '.repeat(90), /at most 1024/],
    ];
    for (const [given, reason] of weak) {
      const answer = await visitor.submit('/set-up', { ...owner, password: given }, { from: '/set-up' });
      assert.equal(answer.status, 422, given);
      assert.match(answer.text, reason, given);
      assert.match(answer.html, /value="Ada Lovelace"/);
      assert.match(answer.html, /value="ada@example.com"/);
      assert.ok(
        given === '' || given.includes('@') || !answer.html.includes(`value="${given}"`),
        'but never the password',
      );
    }
    for (const email of [
      '',
      'ada',
      'ada@',
      'ada@example',
      'a@b@example.com',
      'ada@example.com\r\nBcc: eve@example.com',
    ]) {
      const answer = await visitor.submit('/set-up', { ...owner, email }, { from: '/set-up' });
      assert.equal(answer.status, 422, email);
    }
    assert.equal(await staffOf(portal), 0);
  });

  describe('with an address that somebody signs in with', () => {
    const setUpRow = () =>
      portal.database.connection.collection<{ _id: string; admin: unknown }>('portal').findOne({ _id: 'set-up' });
    const draft = async () => ({
      name: owner.name,
      email: owner.email,
      emailKey: owner.email,
      password: await portal.hasher.hash(password),
      short: false,
    });

    function assertTaken(answer: Answer): void {
      assert.equal(answer.status, 422);
      assert.match(answer.html, /<a href="#email">[^<]*: Somebody already has this e-mail address/);
      assert.match(answer.html, /id="email-error"/);
      assert.match(answer.html, /value="Ada Lovelace"/);
      assert.match(answer.html, /value="ada@example.com"/i);
      assert.ok(!answer.html.includes(password));
    }

    /** The link still makes one administrator, once, and other processes start. */
    async function assertLinkWorks(visitor: Visitor): Promise<void> {
      assert.equal((await setUpRow())?.admin, null);
      const restarted = await portal.twin();
      assert.equal(
        (await signInWith(restarted.visitor(), owner.email)).status,
        303,
        'whoever has the address keeps it',
      );
      const before = await staffOf(portal);
      const other = { ...owner, email: 'grace@example.com' };
      assert.equal((await visitor.submit('/set-up', other, { from: '/set-up' })).status, 303);
      assert.equal(await staffOf(portal), before + 1);
      assert.equal((await visitor.get('/set-up')).status, 403);
      const row = await setUpRow();
      assert.deepEqual({ ...row, closedAt: null }, { _id: 'set-up', closedAt: null, admin: null, links: [] });
    }

    it('says so on the form, and the same link takes another one', async () => {
      await portal.addPerson({ email: owner.email });
      const visitor = await open(portal.visitor(), await linkOf(portal));
      for (const email of [owner.email, 'ADA@Example.com'])
        assertTaken(await visitor.submit('/set-up', { ...owner, email }, { from: '/set-up' }));
      const both = await visitor.submit('/set-up', { ...owner, password: 'short' }, { from: '/set-up' });
      assert.match(both.text, /Somebody already has this e-mail address.*at least 15/);
      await assertLinkWorks(visitor);
    });

    it('says so beside a running portal, by the link of the command line', async () => {
      await portal.addPerson({ kind: 'staff', profile: 'master-admin', email: owner.email });
      const visitor = await open(portal.visitor(), `/set-up/${await portal.setUp.reopen()}`);
      assertTaken(await visitor.submit('/set-up', owner, { from: '/set-up' }));
      await assertLinkWorks(visitor);
    });

    it('says so when the address was taken while the form was looked at', async () => {
      const visitor = await open(portal.visitor(), await linkOf(portal));
      const { hasher } = portal;
      const hash = hasher.hash.bind(hasher);
      hasher.hash = async (secret) => {
        hasher.hash = hash;
        await portal.addPerson({ email: owner.email });
        return hash(secret);
      };
      assertTaken(await visitor.submit('/set-up', owner, { from: '/set-up' }));
      await assertLinkWorks(visitor);
    });

    it('starts after a crash before the person was stored, with set-up open again', async () => {
      const link = await linkOf(portal);
      await portal.addPerson({ email: owner.email });
      const admin = { ...(await draft()), id: '1'.repeat(24) };
      await portal.database.connection
        .collection<{ _id: string }>('portal')
        .updateOne({ _id: 'set-up' }, { $set: { closedAt: portal.clock.now(), admin } });
      const visitor = await open(portal.visitor(), link);
      assert.equal((await visitor.get('/set-up')).status, 403, 'closed until a process starts');
      const restarted = await portal.twin();
      const warnings = restarted.logLines().filter((line) => line.includes('interrupted set-up'));
      assert.equal(warnings.length, 1);
      assert.ok(!warnings[0]?.includes(owner.email));
      await assertLinkWorks(visitor);
    });

    it('finishes where the somebody is whom this set-up itself has stored', async () => {
      const link = await linkOf(portal);
      const person = await portal.addPerson({ kind: 'staff', profile: 'master-admin', email: owner.email });
      const admin = { ...(await draft()), id: person.id };
      await portal.database.connection
        .collection<{ _id: string }>('portal')
        .updateOne({ _id: 'set-up' }, { $set: { closedAt: portal.clock.now(), admin } });
      const restarted = await portal.twin();
      assert.equal((await setUpRow())?.admin, null);
      assert.equal((await (await open(restarted.visitor(), link)).get('/set-up')).status, 403);
      assert.equal(await staffOf(portal), 1);
      assert.ok(!restarted.logLines().some((line) => line.includes('interrupted set-up')));
    });

    it('finishes where another process that started meanwhile has stored the person', async () => {
      const token = (await linkOf(portal)).slice('/set-up/'.length);
      const create = portal.accounts.create.bind(portal.accounts);
      portal.accounts.create = async (person) => {
        portal.accounts.create = create;
        await portal.twin();
        return create(person);
      };
      const person = await portal.setUp.complete(token, await draft());
      assert.equal(person?.email, owner.email);
      assert.equal(await staffOf(portal), 1);
      assert.equal((await setUpRow())?.admin, null);
      assert.equal(await portal.setUp.isOpen(token), false);
    });
  });

  it('takes nothing from the form but name, address and password', async () => {
    const visitor = await open(portal.visitor(), await linkOf(portal));
    const more = {
      profile: 'support',
      kind: 'contact',
      _id: '1'.repeat(24),
      staffWord: 'exempt',
      sessionEpoch: '9',
      passwordShort: 'true',
      disabledAt: '',
      mfaState: 'enrolled',
    };
    assert.equal((await visitor.submit('/set-up', { ...owner, ...more }, { from: '/set-up' })).status, 303);
    const [row] = await portal.database.connection.collection('people').find().toArray();
    assert.equal(row?.['kind'], 'staff');
    assert.equal(row['profile'], 'master-admin');
    assert.equal(row['staffWord'], 'inherit');
    assert.equal(row['sessionEpoch'], 0);
    assert.equal(row['mfaState'], 'none');
    assert.notEqual(String(row._id), '1'.repeat(24));
  });

  it('counts the tries of one address', async () => {
    await linkOf(portal);
    const visitor = portal.visitor();
    const token = (await visitor.get('/sign-in')).forms[0]?.hidden.get('_csrf') ?? '';
    const statuses = [];
    for (let count = 0; count < 21; count += 1)
      statuses.push((await visitor.submit('/set-up', { ...owner, _csrf: token }, { hidden: false })).status);
    assert.deepEqual(statuses.slice(0, 20), Array<number>(20).fill(403));
    assert.equal(statuses[20], 429);
  });
});

describeWithAuthenticator('The first administrator', () => {
  it('must set up a second factor before anything else', async () => {
    await withPortal(async (portal) => {
      const visitor = await open(portal.visitor(), await linkOf(portal));
      const answer = await visitor.submit('/set-up', owner, { from: '/set-up' });
      assert.equal(answer.location, '/sign-in/enrol');
      for (const path of ['/staff', '/account/security', '/home', '/']) {
        assert.equal((await visitor.get(path)).location, '/sign-in/enrol', path);
      }
      assert.equal(await isSignedIn(visitor), false);
      const again = portal.visitor();
      assert.equal((await signInWith(again, owner.email)).location, '/sign-in/enrol');
    });
  });

  it('exists after a crash between the closing of the set-up and the storing of the person', async () => {
    await withPortal(async (portal) => {
      const link = await linkOf(portal);
      const visitor = await open(portal.visitor(), link);
      await visitor.submit('/set-up', owner, { from: '/set-up' });
      const people = portal.database.connection.collection('people');
      const [row] = await people.find().toArray();
      await people.deleteMany({});
      const admin = {
        id: String(row?._id),
        name: owner.name,
        email: owner.email,
        emailKey: owner.email,
        password: row?.['password'] as unknown,
        short: false,
      };
      await portal.database.connection
        .collection<{ _id: string }>('portal')
        .updateOne({ _id: 'set-up' }, { $set: { admin } });
      const restarted = await portal.twin();
      assert.equal((await signInWith(restarted.visitor(), owner.email)).location, '/sign-in/enrol');
    });
  });
});
