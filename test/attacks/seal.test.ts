// The attack: somebody reads the database or a backup of it, or writes to it: looks for secrets, moves a sealed one to another
// person, changes a byte; or a key is lost or rotated.
// TOTP-9, TOTP-2, SES-15, SEC-1.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { decodeBase32 } from '../support/rfc-totp.ts';
import { openTestPortal, password, signInWith, withPortal, type TestPortal } from '../support/portal.ts';
import { authenticator, authenticatorId, describeWithAuthenticator } from './support/authenticator.ts';
import { auditEvents, dumpDatabase } from './support/database.ts';
import {
  addMember,
  challengePath,
  chooseApp,
  codeNow,
  giveCode,
  halfway,
  isSignedIn,
  signInFully,
  type Member,
} from './support/people.ts';

interface StoredEnrolment {
  personId: string;
  state: { sealedSecret: string };
}

const enrolments = (portal: TestPortal) => portal.database.connection.collection<StoredEnrolment>('enrolments');
const sealedOf = async (portal: TestPortal, { person }: Member) =>
  (await enrolments(portal).findOne({ personId: person.id }))?.state.sealedSecret ?? '';
const writeSealed = (portal: TestPortal, { person }: Member, sealedSecret: string) =>
  enrolments(portal).updateOne({ personId: person.id }, { $set: { 'state.sealedSecret': sealedSecret } });

describeWithAuthenticator('A secret in the database', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());

  async function assertBlocked(member: Member): Promise<void> {
    const visitor = portal.visitor();
    const answer = await signInWith(visitor, member.person.email);
    assert.equal(answer.location, '/sign-in/blocked');
    const page = await visitor.follow(answer);
    assert.equal(page.status, 403);
    assert.match(page.text, /cannot sign in at the moment/);
    const token = page.forms[0]?.hidden.get('_csrf') ?? '';
    const forced = await visitor.submit(
      challengePath,
      { code: codeNow(portal, member), _csrf: token },
      { hidden: false },
    );
    assert.equal(forced.status, 403);
    for (const path of ['/home', '/account/security', `/account/factors/${authenticatorId}`]) {
      assert.equal((await visitor.get(path)).location, '/sign-in/blocked', path);
    }
    assert.equal(await isSignedIn(visitor), false);
  }

  it('is nowhere in clear: not as base32, not as bytes, not in hex or base64, during the set-up and after', async () => {
    const person = await portal.addPerson({ staffWord: 'required' });
    const visitor = await halfway(portal, person);
    const home = `/account/factors/${authenticatorId}`;
    const secret = /secret=([A-Z2-7]+)/.exec((await chooseApp(visitor)).html)?.[1] ?? '';
    assert.equal(secret.length, 32);
    const pending = await dumpDatabase(portal, { all: true });
    const code = authenticator().code({ secret }, portal.clock.now());
    await visitor.submit(`${home}/confirm`, { code }, { from: home });
    const active = await dumpDatabase(portal, { all: true });
    const bytes = decodeBase32(secret);
    const forms = [
      secret,
      secret.toLowerCase(),
      bytes.toString('hex'),
      bytes.toString('base64'),
      bytes.toString('base64url'),
      bytes.toString('latin1'),
      Buffer.from(secret).toString('base64'),
      Buffer.from(secret).toString('hex'),
    ];
    for (const form of forms) {
      assert.ok(!pending.includes(form), 'during the set-up');
      assert.ok(!active.includes(form), 'after it');
    }
    assert.ok(!active.includes(password));
    assert.ok(!active.includes(code));
  });

  it('is another one in each set-up, and sealed differently each time', async () => {
    const sealed = new Set<string>();
    const secrets = new Set<string>();
    for (let count = 0; count < 12; count += 1) {
      const member = await addMember(portal);
      secrets.add(member.device.secret);
      sealed.add(await sealedOf(portal, member));
    }
    assert.equal(secrets.size, 12);
    assert.equal(sealed.size, 12);
  });

  it('is of no use to another person: swapped, neither gets in, and both are blocked with a sentence', async () => {
    const [ada, eve] = [await addMember(portal), await addMember(portal)];
    const [one, other] = [await sealedOf(portal, ada), await sealedOf(portal, eve)];
    await writeSealed(portal, ada, other);
    await writeSealed(portal, eve, one);
    await assertBlocked(ada);
    await assertBlocked(eve);
    assert.ok((await auditEvents(portal)).includes('sign-in.blocked'));
  });

  it('is of no use to another enrolment of the same person', async () => {
    const ada = await addMember(portal);
    const sealed = await sealedOf(portal, ada);
    const second = { person: ada.person, device: ada.device };
    await enrolments(portal).deleteMany({ personId: ada.person.id });
    const fresh = await addMember(portal);
    await enrolments(portal).updateOne({ personId: fresh.person.id }, { $set: { personId: ada.person.id } });
    await writeSealed(portal, second, sealed);
    await assertBlocked(ada);
  });

  for (const [what, spoil] of Object.entries<(sealed: string) => string>({
    'one bit is flipped': (sealed) => flip(sealed, -1),
    'the tag is changed': (sealed) => flip(sealed, 14),
    'the nonce is changed': (sealed) => flip(sealed, 0),
    'it is cut': (sealed) => sealed.slice(0, -8),
    'it is emptied': () => 'v1..',
    'it names another key': (sealed) => sealed.replace(/^v1\.[^.]+/, 'v1.other'),
    'it is of another version': (sealed) => sealed.replace('v1', 'v2'),
    'it is in clear': () => 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
  })) {
    it(`blocks its person with a sentence when ${what}`, async () => {
      const member = await addMember(portal);
      await writeSealed(portal, member, spoil(await sealedOf(portal, member)));
      await assertBlocked(member);
      assert.doesNotMatch(portal.logLines().join('\n'), /Unsupported state|sealedSecret/);
    });
  }

  it('that cannot be opened is a line of the audit', async () => {
    const member = await addMember(portal);
    const visitor = await halfway(portal, member.person);
    await visitor.get(challengePath);
    await writeSealed(portal, member, flip(await sealedOf(portal, member), -1));
    await giveCode(visitor, codeNow(portal, member)).catch(() => null);
    await signInWith(portal.visitor(), member.person.email);
    const events = await auditEvents(portal);
    assert.ok(
      events.some((event) => event === 'seal.failed' || event === `${authenticatorId}.secret-unreadable`),
      events.slice(-5).join(' '),
    );
  });
});

describeWithAuthenticator('The keys', () => {
  const newKey = (id: string) => ({ id, bytes: randomBytes(32) });

  it('can be rotated with overlap: the old one still opens, a sign-in moves the secret to the new one, then the old one can go', async () => {
    await withPortal(async (portal) => {
      const [ada, eve] = [await addMember(portal), await addMember(portal)];
      const [old] = portal.keys.seal;
      const next = newKey('next');
      const databaseName = portal.database.connection.name;
      const both = await openTestPortal({
        databaseName,
        clock: portal.clock,
        keys: { ...portal.keys, seal: [next, old] },
      });
      await signInFully(both, ada);
      assert.match(await sealedOf(portal, ada), /^v1\.next\./);
      assert.match(await sealedOf(portal, eve), /^v1\.test\./);
      await both.close();
      const newOnly = await openTestPortal({
        databaseName,
        clock: portal.clock,
        keys: { ...portal.keys, seal: [next] },
      });
      await signInFully(newOnly, ada);
      assert.equal(
        (await signInWith(newOnly.visitor(), eve.person.email)).location,
        '/sign-in/blocked',
        'who did not sign in meanwhile is blocked, not let in',
      );
      await newOnly.close();
      await signInFully(portal, eve);
    });
  });

  it('of sessions and forms can be rotated without signing anybody out', async () => {
    await withPortal(async (portal) => {
      const ada = await addMember(portal);
      const visitor = await signInFully(portal, ada);
      const page = await visitor.get('/account/security');
      const token = page.forms[0]?.hidden.get('_csrf') ?? '';
      const keys = {
        ...portal.keys,
        session: [newKey('s2'), ...portal.keys.session],
        csrf: [newKey('c2'), ...portal.keys.csrf],
      } as const;
      const next = await openTestPortal({ databaseName: portal.database.connection.name, clock: portal.clock, keys });
      const moved = next.visitor();
      for (const [name, value] of visitor.cookies) moved.cookies.set(name, value);
      assert.ok(await isSignedIn(moved));
      assert.equal((await moved.submit('/sign-out', { _csrf: token }, { hidden: false })).status, 303);
      await next.close();
    });
  });

  it('of passwords can be rotated: the old pepper still checks, and the record moves at the sign-in', async () => {
    await withPortal(async (portal) => {
      const ada = await portal.addPerson();
      const [old] = portal.keys.pepper;
      const next = newKey('p2');
      const rotated = await openTestPortal({
        databaseName: portal.database.connection.name,
        clock: portal.clock,
        keys: { ...portal.keys, pepper: [next, old] },
      });
      assert.equal((await signInWith(rotated.visitor(), ada.email)).status, 303);
      assert.equal((await rotated.accounts.passwordOf(ada.id))?.pepper, 'p2');
      await rotated.close();
      const without = await openTestPortal({
        databaseName: portal.database.connection.name,
        clock: portal.clock,
        keys: { ...portal.keys, pepper: [newKey('p3')] },
      });
      assert.equal((await signInWith(without.visitor(), ada.email)).status, 422, 'a lost pepper lets nobody in');
      await without.close();
    });
  });
});

/** Changes one bit of the sealed bytes. */
function flip(sealed: string, at: number): string {
  const [version = '', id = '', body = ''] = sealed.split('.');
  const bytes = Buffer.from(body, 'base64url');
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return [version, id, bytes.toString('base64url')].join('.');
}
