import assert from 'node:assert/strict';
import { burst, type Visitor } from '../../../../test/support/http.ts';
import { openTestPortal, type TestPortal } from '../../../../test/support/portal.ts';
import { driver } from './driver.ts';
import { asked, give, isIn, withCodes, type Member } from './people.ts';

describe('Signing in with a backup code', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  let ada: Member;
  before(async () => {
    portal = await openTestPortal();
    twin = await portal.twin();
  });
  after(() => portal.close());
  beforeEach(async function () {
    portal.clock.advance({ minutes: 16 });
    ada = await withCodes(portal, this);
  });

  const hashesOf = async (run: () => Promise<unknown>) => {
    const { ports } = portal.engine;
    const { hasher } = ports;
    let hashes = 0;
    ports.hasher = {
      hash: (plain) => hasher.hash(plain),
      verify: (record, plain) => {
        hashes += 1;
        return hasher.verify(record, plain);
      },
    };
    try {
      await run();
    } finally {
      ports.hasher = hasher;
    }
    return hashes;
  };

  it('is offered among the other ways, and not first', async () => {
    const visitor = portal.visitor();
    await visitor.submit(
      '/sign-in',
      { email: ada.person.email, password: 'quiet harbour lantern 42' },
      { from: '/sign-in' },
    );
    const page = await visitor.get('/sign-in/challenge');
    assert.match(page.text, /Code from the app.*Confirm Use a backup code/);
    assert.match((await visitor.get('/sign-in/methods')).text, /Use a backup code/);
  });

  it('takes each code once, today and tomorrow, and says how many are left', async () => {
    const [first = '', second = ''] = ada.paper.codes;
    const inside = await asked(portal, ada.person);
    const home = await inside.follow(await give(inside, first));
    assert.equal(home.url.pathname, '/home', home.text);
    assert.match(home.text, /4 of 5 codes are left/);
    const again = await asked(portal, ada.person);
    assert.equal((await give(again, first)).status, 422);
    portal.clock.advance({ hours: 24 });
    const tomorrow = await asked(twin, ada.person);
    assert.equal((await give(tomorrow, first)).status, 422);
    assert.equal((await give(tomorrow, second.toLowerCase().replaceAll('-', ' '))).status, 303);
    assert.ok(await isIn(tomorrow));
  });

  // BC-3, ASVS 6.5.1.
  it('lets one of twenty in that send one code at once to two portals', async () => {
    const [code = ''] = ada.paper.codes;
    for (let round = 0; round < 2; round += 1) {
      const chosen = ada.paper.codes[round] ?? code;
      portal.clock.advance({ minutes: 16 });
      const visitors: Visitor[] = [];
      for (let count = 0; count < 20; count += 1) {
        const side = count % 2 === 0 ? portal : twin;
        visitors.push(await asked(side, ada.person));
      }
      const answers = await burst(20, (index) =>
        visitors[index]!.holdSubmit('/sign-in/challenge', { code: chosen }, { from: '/sign-in/challenge' }),
      );
      const inside = await Promise.all(visitors.map(isIn));
      assert.equal(inside.filter(Boolean).length, 1, answers.map(({ status }) => status).join(' '));
    }
    assert.deepEqual(await summary(), { key: 'backup-codes.summary.left', params: { left: 3, total: 5 } });
  });

  it('takes two different codes that are sent at the same moment', async () => {
    const visitors = [await asked(portal, ada.person), await asked(twin, ada.person)];
    const answers = await burst(2, (index) =>
      visitors[index]!.holdSubmit(
        '/sign-in/challenge',
        { code: ada.paper.codes[index]! },
        { from: '/sign-in/challenge' },
      ),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      [303, 303],
    );
    assert.deepEqual((await summary())?.params, { left: 3, total: 5 });
  });

  it('costs one hash, whatever is typed', async () => {
    const [code = '', other = ''] = ada.paper.codes;
    const tries = [driver.wrongCode(ada.paper), `9${other.slice(1)}`, 'rubbish', '', 'x'.repeat(4000), code, code];
    for (const typed of tries) {
      portal.clock.advance({ minutes: 16 });
      const visitor = await asked(portal, ada.person);
      assert.equal(await hashesOf(() => give(visitor, typed)), 1, typed.slice(0, 20));
    }
  });

  it('does not take a code under another index, nor another person’s', async function () {
    const eve = await withCodes(portal, this);
    const [first = ''] = ada.paper.codes;
    const visitor = await asked(portal, eve.person);
    assert.equal((await give(visitor, first)).status, 422);
    const own = await asked(portal, ada.person);
    assert.equal((await give(own, `2${first.slice(1)}`)).status, 422);
    assert.equal((await give(own, first)).status, 303);
  });

  // BC-5: the try after the tenth is refused although right; the limits of the other factors are theirs.
  it('has limits of its own', async () => {
    const visitor = await asked(portal, ada.person);
    for (let count = 0; count < 10; count += 1)
      assert.equal((await give(visitor, driver.wrongCode(ada.paper))).status, 422);
    const [code = ''] = ada.paper.codes;
    const refused = await give(await asked(twin, ada.person), code);
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers['retry-after']) > 0);
    portal.clock.advance({ seconds: 30 });
    await visitor.submit('/sign-in/methods', { factor: ada.primary.id }, { from: '/sign-in/methods' });
    assert.equal((await give(visitor, ada.primary.code(ada.device, portal.clock.now()))).status, 303);
  });

  it('warns when two are left, and is not offered any more when none is', async () => {
    const sentences = [];
    for (const code of ada.paper.codes) {
      const visitor = await asked(portal, ada.person);
      const home = await visitor.follow(await give(visitor, code));
      sentences.push(/(?:Only \d|All|\d) (?:of )?\d codes (?:are|is) (?:left|used)/.exec(home.text)?.[0]);
    }
    assert.deepEqual(sentences, [
      '4 of 5 codes are left',
      '3 of 5 codes are left',
      'Only 2 of 5 codes are left',
      'Only 1 of 5 codes is left',
      'All 5 codes are used',
    ]);
    const visitor = portal.visitor();
    await visitor.submit(
      '/sign-in',
      { email: ada.person.email, password: 'quiet harbour lantern 42' },
      { from: '/sign-in' },
    );
    assert.doesNotMatch((await visitor.get('/sign-in/methods')).text, /Use a backup code/);
  });

  it('writes each use and each reuse to the audit, and never a code', async () => {
    const [code = ''] = ada.paper.codes;
    await give(await asked(portal, ada.person), code);
    await give(await asked(portal, ada.person), code);
    const rows = await portal.database.connection
      .collection('auditEvents')
      .find({ 'actor.id': ada.person.id })
      .sort({ _id: 1 })
      .toArray();
    const events = rows.map((row) => String(row['event'])).filter((event) => event.startsWith('backup-codes.'));
    assert.deepEqual(events, ['backup-codes.made', 'backup-codes.used', 'backup-codes.reused']);
  });

  // BC-2, ASVS 6.5.2.
  it('leaves no code in the database, and two records of one code differ', async function () {
    const bob = await withCodes(portal, this);
    const codes = [...ada.paper.codes, ...bob.paper.codes];
    const collections = (await portal.database.connection.db?.listCollections({}, { nameOnly: true }).toArray()) ?? [];
    for (const { name } of collections) {
      const rows = JSON.stringify(await portal.database.connection.collection(name).find().toArray());
      for (const code of codes) {
        assert.ok(!rows.includes(code) && !rows.includes(code.slice(2).replaceAll('-', '')), name);
      }
    }
    const log = portal.logLines().join('\n');
    for (const code of codes) assert.ok(!log.includes(code.slice(2)));
    const { hasher } = portal.engine.ports;
    const plain = (id: string) => JSON.stringify(['factor', driver.id, id, 'SAME']);
    const records = [
      await hasher.hash(plain(ada.person.id)),
      await hasher.hash(plain(ada.person.id)),
      await hasher.hash(plain(bob.person.id)),
    ];
    assert.equal(new Set(records.map(({ hash }) => hash)).size, 3);
    for (const { hash } of records) assert.match(hash, /^\$argon2id\$/);
  });

  it('does not take a record that was copied from another person', async function () {
    const eve = await withCodes(portal, this);
    const rows = portal.database.connection.collection('enrolments');
    const hers = await rows.findOne({ personId: eve.person.id, factor: driver.id });
    await rows.updateOne({ personId: ada.person.id, factor: driver.id }, { $set: { state: hers?.['state'] } });
    assert.equal((await give(await asked(portal, ada.person), eve.paper.codes[0]!)).status, 422);
  });

  const summary = () => portal.engine.factors.get(driver.id)!.running.summarise(ada.person.id);
});
