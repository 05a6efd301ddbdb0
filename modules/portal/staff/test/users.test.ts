import assert from 'node:assert/strict';
import { profileById, type Profile } from '../../../accounts/profiles.ts';
import { describeWithAuthenticator } from '../../../../test/attacks/support/authenticator.ts';
import { assertUnchanged, dumpDatabase } from '../../../../test/attacks/support/database.ts';
import {
  addMember,
  codeNow,
  giveCode,
  halfway,
  isSignedIn,
  signInFully,
  type Member,
} from '../../../../test/attacks/support/people.ts';
import type { Answer, Fields, Visitor } from '../../../../test/support/http.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import type { NewPerson } from '../../../accounts/people.ts';
import type { Person } from '../../../kernel/person.ts';
import { linksOf, staffOf, tokenOf, valueOf } from './pages.ts';

const pathOf = ({ id }: Person, rest = '') => `/staff/users/${id}${rest}`;
const reason = 'asked for in person';

function builtIn(id: string): Profile {
  const profile = profileById(id);
  if (!profile) throw new Error(`There is no profile ${id}.`);
  return profile;
}

describeWithAuthenticator('A member of staff, for those who look after users,', () => {
  let portal: TestPortal;
  let as: (profile: string) => Promise<Visitor>;
  before(async () => {
    portal = await openTestPortal();
    as = staffOf(portal);
  });
  after(() => portal.close());

  let count = 0;
  const someone = (person: Partial<NewPerson> = {}): Partial<NewPerson> => {
    count += 1;
    return {
      kind: 'staff',
      profile: 'support',
      name: `Sven ${String(count)}`,
      email: `sven.${String(count)}@staff.example`,
      ...person,
    };
  };
  const add = (person: Partial<NewPerson> = {}) => portal.addPerson(someone(person));
  const addEnrolled = (person: Partial<NewPerson> = {}) => addMember(portal, someone(person));
  const now = ({ id }: Person) => portal.accounts.byId(id);
  const lastEvent = async ({ id }: Person, event: string) => (await portal.audit.latest({ personId: id, event }, 1))[0];
  const mailsTo = async (email: string) => (await portal.mails()).filter(({ to }) => to === email);
  const submit = (visitor: Visitor, path: string, fields: Fields = {}) => visitor.submit(path, fields, { from: path });
  const press = (visitor: Visitor, person: Person, rest: string) =>
    visitor.submit(pathOf(person, rest), {}, { from: pathOf(person) });

  describe('is added', () => {
    it('with a name, an address and a profile, and chooses the password by a mailed link', async () => {
      const admin = await as('admin');
      const form = await admin.get('/staff/users/add');
      await assertValidHtml(form.html);
      assert.doesNotMatch(form.html, /type="password"/);
      const answer = await submit(admin, '/staff/users/add', {
        name: 'Nadia New',
        email: 'Nadia@Staff.example',
        profile: 'sales-manager',
        password: 'quiet harbour lantern 42',
        masterAdmin: 'yes',
      });
      const page = await admin.follow(answer);
      assert.match(page.text, /Nadia New is added\. An invitation is on its way to Nadia@Staff\.example/);
      const found = await portal.accounts.findByEmail('nadia@staff.example');
      assert.ok(found);
      assert.equal(found.password, null);
      assert.equal(found.person.profileId, 'sales-manager');
      assert.deepEqual((await lastEvent(found.person, 'person.added'))?.detail, { profile: 'sales-manager' });
      assert.equal((await lastEvent(found.person, 'person.invited'))?.target?.id, found.person.id);
      const [mail] = await mailsTo('Nadia@Staff.example');
      assert.match(mail?.text ?? '', /The admin/);
      assert.match(mail?.text ?? '', /\/invitation\/[A-Za-z0-9_-]{43}/);
    });

    it('not where something is missing or taken: what was typed is kept', async () => {
      const admin = await as('admin');
      const taken = await add();
      for (const [fields, text] of [
        [{ name: '', email: 'x@staff.example', profile: 'support' }, /Fill this in/],
        [{ name: 'Nils', email: 'no address', profile: 'support' }, /Enter an e-mail address/],
        [{ name: 'Nils', email: taken.email, profile: 'support' }, /Somebody already has this e-mail address/],
        [{ name: 'Nils', email: 'x@staff.example' }, /Fill this in/],
        [{ name: 'Nils', email: 'x@staff.example', profile: 'emperor' }, /Choose one of the options/],
      ] as const) {
        const page = await assertUnchanged(portal, () => submit(admin, '/staff/users/add', fields), String(text));
        assert.equal(page.status, 422);
        assert.match(page.text, text);
        assert.equal(valueOf(page, 'email'), fields.email);
        await assertValidHtml(page.html);
      }
    });
  });

  it('is found in a list by the beginning of name or address, a page at a time, with profile and state', async () => {
    const admin = await as('admin');
    for (let index = 0; index < 22; index += 1)
      await add({ name: `Zed ${String(index).padStart(2, '0')}`, email: `zed.${String(index)}@list.example` });
    const first = await admin.get('/staff/users?q=zed');
    await assertValidHtml(first.html);
    assert.match(first.text, /22 people/);
    const [next] = linksOf(first, '/staff/users?q=zed&after=');
    const second = await admin.get(next?.href ?? '');
    const shown = [...linksOf(first, '/staff/users/'), ...linksOf(second, '/staff/users/')]
      .map(({ text }) => text)
      .filter((text) => text.startsWith('Zed'));
    assert.equal(new Set(shown).size, 22);
    assert.deepEqual([...shown].sort(), shown);
    await add({ name: 'Yara', password: null });
    await add({ name: 'Yves', disabled: true, profile: 'admin' });
    const page = await admin.get('/staff/users?q=y');
    assert.match(page.text, /Yara .* Support No password yet Never Yves .* Admin Disabled Never/);
    assert.match((await admin.get('/staff/users?q=.*')).text, /Nobody’s name or address begins like this/);
    assert.equal((await admin.get('/staff/users?after=forged')).status, 400);
  });

  it('has a page that says what the profile allows, what is set up, what locks them out, and what happened', async () => {
    const sven = await addEnrolled({ profile: 'sales-manager' });
    for (let tries = 0; tries < 11; tries += 1)
      await signInWith(portal.visitor(), sven.person.email, 'not the right one');
    const admin = await as('admin');
    const page = await admin.get(pathOf(sven.person));
    await assertValidHtml(page.html);
    assert.match(page.text, /Profile: Sales manager It allows this person to: See customers/);
    assert.match(page.text, /Too many wrong passwords/);
    assert.match(page.text, /Password, then Authenticator app/);
    assert.match(page.text, /A sign-in was refused The password was not right/);
    assert.ok(!page.html.includes(sven.device.secret));
    const unlocked = await admin.follow(await press(admin, sven.person, '/unlock'));
    assert.match(unlocked.text, /can try again at once/);
    assert.equal((await lastEvent(sven.person, 'sign-in.unlocked'))?.outcome, 'success');
    await halfway(portal, sven.person);
  });

  describe('gets another profile', () => {
    it('at once: the rights hold from the next request on, in a new sign-in (SES-10, SES-14)', async () => {
      const sven = await addEnrolled({ profile: 'admin' });
      const inside = await signInFully(portal, sven);
      assert.equal((await inside.get('/staff/audit')).status, 200);
      const master = await as('master-admin');
      const page = await master.get(pathOf(sven.person, '/profile'));
      await assertValidHtml(page.html);
      const answer = await submit(master, pathOf(sven.person, '/profile'), { profile: 'support', reason });
      assert.match((await master.follow(answer)).text, /is now Support\. Their sign-ins have ended/);
      assert.match((await inside.get('/staff/audit')).location ?? '', /^\/sign-in/);
      const again = await signInFully(portal, sven);
      assert.equal((await again.get('/staff/audit')).status, 403);
      const row = await lastEvent(sven.person, 'person.profile-changed');
      assert.equal(row?.reason, reason);
      assert.deepEqual(row.detail, { profileBefore: 'admin', profileAfter: 'support' });
      const words = await master.get(pathOf(sven.person));
      assert.match(words.text, /The profile was changed asked for in person · Profile: Admin → Support/);
      assert.ok((await mailsTo(sven.person.email)).some(({ subject }) => subject.includes('profile was changed')));
    });

    it('not without a reason, not one that there is not; and the same one changes nothing', async () => {
      const sven = await add();
      const admin = await as('admin');
      const path = pathOf(sven, '/profile');
      for (const fields of [
        { profile: 'sales-manager', reason: '' },
        { profile: '', reason },
        { profile: 'emperor', reason },
      ]) {
        const page = await assertUnchanged(portal, () => submit(admin, path, fields), JSON.stringify(fields));
        assert.equal(page.status, 422);
        await assertValidHtml(page.html);
      }
      const same = await assertUnchanged(portal, () => submit(admin, path, { profile: 'support', reason }), 'the same');
      assert.match((await admin.follow(same)).text, /Nothing was changed/);
    });

    it('as another member of the staff could not: by a stale form on somebody who was promoted meanwhile', async () => {
      const sven = await add();
      const admin = await as('admin');
      await admin.get(pathOf(sven, '/profile'));
      await portal.standing.setProfile(sven.id, builtIn('master-admin'));
      const answer = await admin.submit(pathOf(sven, '/profile'), { profile: 'support', reason });
      assert.equal(answer.status, 403);
      assert.equal((await now(sven))?.profileId, 'master-admin');
      await portal.standing.setProfile(sven.id, builtIn('support'));
    });
  });

  it('is disabled and enabled again with a reason; sign-ins end, mails tell', async () => {
    const sven = await addEnrolled();
    const inside = await signInFully(portal, sven);
    const admin = await as('admin');
    const page = await admin.get(pathOf(sven.person, '/disable'));
    await assertValidHtml(page.html);
    assert.equal((await submit(admin, pathOf(sven.person, '/disable'), { reason: '' })).status, 422);
    assert.ok(await isSignedIn(inside));
    await submit(admin, pathOf(sven.person, '/disable'), { reason });
    assert.ok(!(await isSignedIn(inside)));
    assert.equal((await signInWith(portal.visitor(), sven.person.email)).status, 422);
    assert.equal((await lastEvent(sven.person, 'person.disabled'))?.reason, reason);
    const twice = await admin.follow(await admin.get(pathOf(sven.person, '/disable')));
    assert.match(twice.text, /was disabled already/);
    await submit(admin, pathOf(sven.person, '/enable'), { reason });
    await signInFully(portal, sven);
    assert.equal((await lastEvent(sven.person, 'person.enabled'))?.reason, reason);
    const subjects = (await mailsTo(sven.person.email)).map(({ subject }) => subject).join('; ');
    assert.match(subjects, /was enabled again/);
    assert.match(subjects, /was disabled/);
  });

  it('has all sign-ins ended', async () => {
    const sven = await addEnrolled();
    const [one, other] = [await signInFully(portal, sven), await signInFully(portal, sven)];
    const admin = await as('admin');
    await submit(admin, pathOf(sven.person, '/end-sessions'));
    assert.ok(!(await isSignedIn(one)) && !(await isSignedIn(other)));
    const row = await lastEvent(sven.person, 'sign-in.ended');
    assert.equal(row?.reason, 'ended-by-staff');
    assert.notEqual(row.actor.id, sven.person.id);
  });

  it('has the second step reset, and must set up a new one at the next sign-in', async () => {
    const sven = await addEnrolled();
    const inside = await signInFully(portal, sven);
    const admin = await as('admin');
    await assertValidHtml((await admin.get(pathOf(sven.person, '/reset-mfa'))).html);
    await submit(admin, pathOf(sven.person, '/reset-mfa'), { reason });
    assert.ok(!(await isSignedIn(inside)));
    portal.clock.advance({ seconds: 30 });
    const again = portal.visitor();
    const page = await again.follow(await signInWith(again, sven.person.email));
    assert.match(page.url.pathname, /^\/account\/factors\//);
    assert.equal((await giveCode(again, codeNow(portal, sven)).catch(() => ({ status: 403 }))).status, 403);
    assert.equal((await lastEvent(sven.person, 'enrolment.reset'))?.reason, reason);
  });

  it('is invited again, a few times an hour, or no longer', async () => {
    const sven = await add({ password: null });
    const admin = await as('admin');
    for (let times = 0; times < 5; times += 1)
      assert.equal((await press(admin, sven, '/invitation/resend')).status, 303);
    assert.equal((await press(admin, sven, '/invitation/resend')).status, 429);
    assert.equal((await mailsTo(sven.email)).length, 5);
    assert.ok(await portal.links.invitationOf(sven.id));
    await press(admin, sven, '/invitation/revoke');
    assert.equal(await portal.links.invitationOf(sven.id), null);
    assert.ok(await lastEvent(sven, 'person.invitation-revoked'));
  });

  describe('gets another name or address', () => {
    const edit = async (visitor: Visitor, person: Person, fields: Fields): Promise<Answer> => {
      const path = pathOf(person, '/details');
      const page = await visitor.get(path);
      return submit(visitor, path, { name: valueOf(page, 'name'), email: valueOf(page, 'email'), ...fields });
    };

    it('at once; the old address is told, with the way back, and sign-ins end (REC-8)', async () => {
      const sven = await addEnrolled();
      const inside = await signInFully(portal, sven);
      const admin = await as('admin');
      await assertValidHtml((await admin.get(pathOf(sven.person, '/details'))).html);
      const answer = await edit(admin, sven.person, { name: 'Sven Two', email: 'sven.two@staff.example' });
      assert.match((await admin.follow(answer)).text, /sven\.two@staff\.example holds from now on/);
      assert.ok(!(await isSignedIn(inside)));
      assert.equal((await now(sven.person))?.name, 'Sven Two');
      const [notice] = await mailsTo(sven.person.email);
      assert.match(notice?.text ?? '', /\/email\/undo\/[A-Za-z0-9_-]{43}/);
      const row = await lastEvent(sven.person, 'person.email-changed');
      assert.deepEqual(row?.detail, { email: 'changed' }, 'the audit keeps no address (LOG-4)');
    });

    it('only if nobody else was first, and if nobody has the address', async () => {
      const [sven, other] = [await add(), await add()];
      const admin = await as('admin');
      const page = await edit(admin, sven, { email: other.email });
      assert.equal(page.status, 422);
      await assertValidHtml(page.html);
      await admin.get(pathOf(sven, '/details'));
      await portal.accounts.edit(sven.id, { name: 'Sven Changed' });
      const stale = await admin.submit(pathOf(sven, '/details'), { name: 'Sven Older', email: sven.email });
      assert.equal(stale.status, 422);
      assert.equal((await now(sven))?.name, 'Sven Changed');
    });
  });

  it('is removed with everything but an id in the audit (LOG-4)', async () => {
    const sven = await addEnrolled({ name: 'Svenja Gone', email: 'svenja.gone@staff.example' });
    const inside = await signInFully(portal, sven);
    await signInWith(portal.visitor(), sven.person.email, 'not the right one');
    await portal.links.issue(sven.person.id, 'passwordReset');
    // Mails went to the addresses from before, and to one that was only asked for; one of them is somebody else's by now.
    const mail = { channel: 'mail', kind: 'invitation', subject: 'x', text: 'x', html: null } as const;
    const others = ['svenja.before@staff.example', 'shared@staff.example', 'svenja.gone@staff.example'];
    for (const email of others) {
      const { email: from } = (await now(sven.person)) ?? assert.fail();
      assert.ok(await portal.links.changeEmail(sven.person.id, { email, key: email }, { from }));
      await portal.outbox.enqueue({ ...mail, to: email });
    }
    const wanted = 'svenja.wanted@staff.example';
    assert.ok(await portal.links.wantEmail(sven.person.id, { email: wanted, key: wanted }));
    await portal.outbox.enqueue({ ...mail, to: wanted });
    await add({ email: 'shared@staff.example' });
    const admin = await as('admin');
    await submit(admin, pathOf(sven.person, '/end-sessions'));
    await signInFully(portal, sven, inside);
    assert.equal((await submit(admin, pathOf(sven.person, '/remove'), { reason: '' })).status, 422);
    const answer = await submit(admin, pathOf(sven.person, '/remove'), { reason });
    assert.equal(answer.location, '/staff/users');
    assert.match((await admin.follow(answer)).text, /The account of Svenja Gone is removed/);
    assert.ok(!(await isSignedIn(inside)));
    assert.equal(await now(sven.person), null);
    assert.equal((await signInWith(portal.visitor(), sven.person.email)).status, 422);
    const rows = (await dumpDatabase(portal, { all: true })).split('\n');
    const named = rows.filter((row) => /svenja/i.test(row));
    assert.deepEqual(named, []);
    const left = rows.filter((row) => row.includes(sven.person.id) && !row.startsWith('auditEvents'));
    assert.deepEqual(left, []);
    assert.equal((await mailsTo('shared@staff.example')).length, 1, 'it may be for whoever has that address now');
    assert.equal((await lastEvent(sven.person, 'person.removed'))?.reason, reason);
    assert.equal((await admin.get(pathOf(sven.person))).status, 404);
    assert.match(
      (await admin.get(`/staff/audit?person=${sven.person.id}`)).text,
      new RegExp(`The account was removed .*Somebody removed \\(${sven.person.id}\\)`),
    );
  });

  it('is changed only with a proof of the last five minutes (SES-12)', async () => {
    const sven = await add({ password: null });
    const member = await addEnrolled({ profile: 'admin' });
    const admin = await signInFully(portal, member);
    portal.clock.advance({ minutes: 6 });
    const token = await tokenOf(admin);
    const posts = portal
      .routes()
      .filter(({ method, path }) => method === 'POST' && path.startsWith('/staff/users'))
      .map(({ path }) => path.replace(':id', sven.id));
    assert.ok(posts.length >= 10);
    for (const path of posts) {
      const answer = await assertUnchanged(
        portal,
        () => admin.submit(path, { _csrf: token, reason, profile: 'support' }, { hidden: false }),
        path,
      );
      assert.match(answer.location ?? '', /^\/account\/confirm/, path);
    }
  });
});

/** Gives a function that puts people and their sign-ins back as they are now. */
async function snapshot(portal: TestPortal): Promise<() => Promise<void>> {
  const { connection } = portal.database;
  const kept = await Promise.all(
    ['people', 'signIns', 'enrolments'].map(async (name) => ({
      name,
      rows: await connection.collection(name).find().toArray(),
    })),
  );
  return async () => {
    for (const { name, rows } of kept) {
      await connection.collection(name).deleteMany({});
      await connection.collection(name).insertMany(rows);
    }
  };
}

describeWithAuthenticator('Two Master Admins who turn on each other', () => {
  it('at the same moment, in two processes, twenty times in every way, leave one who can sign in (AZ-4)', async () => {
    const portal = await openTestPortal();
    try {
      const twin = await portal.twin();
      const master = () => addMember(portal, { kind: 'staff', profile: 'master-admin', name: 'Mara' });
      const [one, other] = [await master(), await master()];
      const [first, second] = [await signInFully(portal, one), await signInFully(twin, other)];
      const restore = await snapshot(portal);
      const ways: [string, Fields][] = [
        ['/profile', { profile: 'admin', reason }],
        ['/disable', { reason }],
        ['/remove', { reason }],
      ];
      const turn = (visitor: Visitor, on: Member, way: number) => {
        const [rest, fields] = ways[way % 3] ?? ['', {}];
        const path = pathOf(on.person, rest);
        return visitor.holdSubmit(path, fields, { from: path });
      };
      const statuses = new Set<number>();
      for (let round = 0; round < 20; round += 1) {
        const held = [await turn(first, other, round), await turn(second, one, Math.floor(round / 3))];
        const answers = await Promise.all(held.map(({ release }) => release()));
        for (const { status } of answers) statuses.add(status);
        const people = await portal.directory.page({ kind: 'staff' }, { after: null, count: 100 });
        const able = people.filter((person) => person.masterAdmin && !person.disabled && person.hasPassword);
        assert.equal(able.length, 1, `round ${String(round)}`);
        await restore();
      }
      // 303: done. 422: the last one. 403: the other was first, and this one's sign-in is over.
      assert.deepEqual(
        [...statuses].filter((status) => ![303, 422, 403].includes(status)),
        [],
      );
    } finally {
      await portal.close();
    }
  });
});
