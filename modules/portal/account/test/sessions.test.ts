import assert from 'node:assert/strict';
import { assertUnchanged } from '../../../../test/attacks/support/database.ts';
import { isSignedIn, sessionCookie, signInByPassword } from '../../../../test/attacks/support/people.ts';
import { anyDriver } from '../../../../test/support/driver.ts';
import type { Visitor } from '../../../../test/support/http.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, password, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import type { Person } from '../../../kernel/person.ts';

const sessions = '/account/sessions';
const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const phone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

describe('A person’s sessions', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  let ada: Person;
  before(async () => {
    // Nothing is written in the background while a test compares what is stored.
    portal = await openTestPortal({ environment: { JOBS: 'off' } });
    twin = await portal.twin();
  });
  after(() => portal.close());
  beforeEach(async () => {
    ada = await portal.addPerson();
  });

  const from = (userAgent: string, where: TestPortal = portal) => {
    const visitor = where.visitor();
    visitor.headers['user-agent'] = userAgent;
    return signInByPassword(where, ada, visitor);
  };
  const ends = async (visitor: Visitor) =>
    [...(await visitor.get(sessions)).html.matchAll(/action="(\/account\/sessions\/[^"]+\/end)"/g)].map(
      ([, action = '']) => action,
    );

  it('are listed with device, address, times and proofs, the one in use first and marked', async function () {
    const driver = await anyDriver(this);
    await from(phone);
    portal.clock.advance({ minutes: 10 });
    const here = await from(firefox);
    await driver.enrol(here, portal.clock.now());
    portal.clock.advance({ minutes: 2 });
    await from(phone).catch(() => undefined);
    const page = await here.get(sessions);
    assert.equal(page.status, 200);
    await assertValidHtml(page.html, sessions);
    assert.match(page.text, /Firefox, Linux This device/);
    assert.match(page.text, /Address 127\.0\.0\.1 Signed in 2 minutes ago Last seen now /);
    assert.match(page.text, /Confirmed with Password, \p{Lu}\w+/u);
    assert.doesNotMatch(page.text, /iOS/, 'setting up a factor ended the other one, and a half sign-in is none');
    assert.match(page.text, /You are signed in nowhere else/);
  });

  it('say nothing that a session could be stolen with', async () => {
    const here = await from(firefox);
    await from(phone);
    const { html } = await here.get(sessions);
    const rows = await portal.signIns.listOf(ada);
    for (const row of rows) assert.ok(!html.includes(row.sessionKey));
    assert.ok(!html.includes(decodeURIComponent(sessionCookie(here) ?? '').slice(2, 34)));
  });

  it('are shown and ended only after a fresh proof', async () => {
    const here = await from(firefox);
    const there = await from(phone);
    const [end = ''] = await ends(here);
    const token = (await here.get(sessions)).forms[0]?.hidden.get('_csrf') ?? '';
    portal.clock.advance({ minutes: 5 });
    assert.equal((await here.get(sessions)).location, `/account/confirm?returnTo=${encodeURIComponent(sessions)}`);
    await assertUnchanged(
      portal,
      async () => {
        for (const path of [end, `${sessions}/end-others`]) {
          const answer = await here.submit(path, { _csrf: token }, { hidden: false });
          assert.match(answer.location ?? '', /^\/account\/confirm\?/);
        }
      },
      'an old proof',
    );
    assert.ok(await isSignedIn(there));
    const back = await here.submit('/account/confirm', { password }, { from: `/account/confirm?returnTo=${sessions}` });
    assert.equal(back.location, sessions);
    assert.deepEqual(await ends(here), [end]);
  });

  it('end one by one, at their next request, in every process', async () => {
    const here = await from(firefox);
    const first = await from(phone, twin);
    portal.clock.advance({ seconds: 1 });
    const second = await from(phone);
    const actions = await ends(here);
    assert.equal(actions.length, 2, 'the one in use is ended by signing out');
    const done = await here.follow(await here.submit(actions[1] ?? '', {}, { from: sessions }));
    assert.match(done.text, /That session is ended/);
    assert.equal(await isSignedIn(first), false);
    assert.ok(await isSignedIn(second));
    assert.ok(await isSignedIn(here));
    const token = done.forms[0]?.hidden.get('_csrf') ?? '';
    const again = await here.submit(actions[1] ?? '', { _csrf: token }, { hidden: false });
    assert.equal(again.status, 404, 'it ends once');
    const rows = await portal.audit.latest({ personId: ada.id }, 100);
    const ended = rows.filter(({ event, reason }) => event === 'sign-in.ended' && reason === 'ended-elsewhere');
    assert.equal(ended.length, 1);
  });

  it('end all at once but for the one in use, which goes on under a new id', async () => {
    const here = await from(firefox);
    const others = [await from(phone, twin), await from(phone)];
    const before = sessionCookie(here);
    const done = await here.follow(await here.submit(`${sessions}/end-others`, {}, { from: sessions }));
    assert.match(done.text, /All other sessions are ended/);
    for (const other of others) assert.equal(await isSignedIn(other), false);
    assert.notEqual(sessionCookie(here), before);
    const thief = portal.visitor();
    thief.cookies.set('gatehouse', before ?? '');
    assert.equal(await isSignedIn(thief), false);
    assert.ok(await isSignedIn(here));
  });

  it('of somebody else, made up, malformed, or one’s own in use are the same 404, and nothing ends', async () => {
    const here = await from(firefox);
    const grace = await portal.addPerson({ name: 'Grace Hopper' });
    const other = await signInByPassword(portal, grace);
    const [theirs] = await portal.signIns.listOf(grace);
    const [own] = await portal.signIns.listOf(ada);
    await from(phone);
    const token = (await here.get(sessions)).forms[0]?.hidden.get('_csrf') ?? '';
    const plain = (html: string) => html.replace(/name="_csrf" value="[^"]*"/g, '');
    const missing = await here.submit(`${sessions}/${'A'.repeat(22)}/end`, { _csrf: token }, { hidden: false });
    const ids = [theirs?.id, own?.id, 'x', 'f'.repeat(24), '$ne', '%7B%22$ne%22:1%7D', '__proto__', '%F0%9F%98%80'];
    await assertUnchanged(
      portal,
      async () => {
        for (const id of ids) {
          const answer = await here.submit(`${sessions}/${id ?? ''}/end`, { _csrf: token }, { hidden: false });
          assert.equal(answer.status, 404, id);
          assert.equal(plain(answer.html), plain(missing.html), id);
        }
      },
      'ids that are none of theirs',
    );
    assert.ok(await isSignedIn(other));
  });

  it('are listed for staff as well, and not for who gave only a password', async function () {
    const driver = await anyDriver(this);
    const staff = await portal.addPerson({ kind: 'staff' });
    const visitor = portal.visitor();
    await signInWith(visitor, staff.email);
    assert.notEqual((await visitor.get(sessions)).status, 200);
    await driver.enrol(visitor, portal.clock.now());
    const page = await visitor.get(sessions);
    assert.equal(page.status, 200, page.location);
    assert.match(page.html, /mode-staff/);
  });
});
