import assert from 'node:assert/strict';
import { assertUnchanged } from '../../../../test/attacks/support/database.ts';
import { isSignedIn, sessionCookie, signInByPassword } from '../../../../test/attacks/support/people.ts';
import { anyDriver } from '../../../../test/support/driver.ts';
import { burst, type Visitor } from '../../../../test/support/http.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, password, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import type { Person } from '../../../kernel/person.ts';

const path = '/account/password';
const next = 'seven kettles under glass';

describe('Changing one’s own password', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  let ada: Person;
  let visitor: Visitor;
  before(async () => {
    // Nothing is written in the background while a test compares what is stored.
    portal = await openTestPortal({ environment: { JOBS: 'off' } });
    twin = await portal.twin();
  });
  after(() => portal.close());
  beforeEach(async () => {
    ada = await portal.addPerson();
    visitor = await signInByPassword(portal, ada);
  });

  const change = (who: Visitor, fields: Record<string, string>) => who.submit(path, fields, { from: path });
  const holds = async (secret: string) => (await signInWith(portal.visitor(), ada.email, secret)).status === 303;

  it('takes the old one and a new one, ends every other sign-in, and goes on here under a new id', async () => {
    const others = [await signInByPassword(portal, ada), await signInByPassword(twin, ada, twin.visitor())];
    const before = sessionCookie(visitor);
    await assertValidHtml((await visitor.get(path)).html, path);
    const done = await visitor.follow(await change(visitor, { password, newPassword: next }));
    assert.equal(done.url.pathname, '/account/security');
    assert.match(done.text, /Your password is changed/);
    assert.notEqual(sessionCookie(visitor), before);
    for (const other of others) assert.equal(await isSignedIn(other), false);
    const thief = portal.visitor();
    thief.cookies.set('gatehouse', before ?? '');
    assert.equal(await isSignedIn(thief), false);
    assert.equal(await holds(password), false);
    assert.ok(await holds(next));
    const [row] = (await portal.audit.latest({ personId: ada.id }, 50)).filter(
      (one) => one.event === 'password.changed',
    );
    assert.equal(row?.actor.id, ada.id);
    const [mail] = (await portal.mails()).filter(({ to }) => to === ada.email);
    assert.match(mail?.subject ?? '', /Your password was changed$/);
    assert.ok(!JSON.stringify(mail).includes(next));
  });

  it('refuses what the rules refuse, and the one they have, each with its sentence, and keeps nothing typed', async () => {
    const refused: [string, RegExp][] = [
      ['', /Fill this in/],
      ['short words', /at least 15 characters/],
      [ada.email.repeat(1), /too close to your name/],
      ['qwertyuiopasdfghjkl', /lists that attackers try/],
      ['x'.repeat(1100), /at most 1024 characters/],
      [password, /the password you have now/],
    ];
    for (const [newPassword, sentence] of refused) {
      const page = await change(visitor, { password, newPassword });
      assert.equal(page.status, 422, newPassword);
      assert.match(page.text, sentence);
      assert.ok(
        !page.html.includes(`value="${password}"`) &&
          (newPassword === '' || !page.html.includes(`value="${newPassword}"`)),
      );
      await assertValidHtml(page.html, path);
    }
    assert.ok(await holds(password));
  });

  it('refuses a wrong old one, and tells nothing then of whether the new one is right', async () => {
    const page = await change(visitor, { password: 'not the password at all', newPassword: password });
    assert.equal(page.status, 422);
    assert.match(page.text, /That is not your password/);
    assert.doesNotMatch(page.text, /the password you have now\. Choose/);
    const both = await change(visitor, { password: 'not the password at all', newPassword: 'short words' });
    assert.match(both.text, /That is not your password[\s\S]*at least 15 characters/, 'both at once');
    assert.ok(await holds(password));
  });

  it('counts wrong old ones as the sign-in does: the eleventh waits although right', async () => {
    for (let count = 0; count < 10; count += 1)
      assert.equal(
        (await change(visitor, { password: `not the password ${String(count)}`, newPassword: next })).status,
        422,
      );
    const late = await change(visitor, { password, newPassword: next });
    assert.equal(late.status, 429);
    assert.match(late.text, /Too many tries/);
    assert.ok(Number(late.headers['retry-after']) > 0);
    assert.ok(await portal.hasher.verify(await portal.accounts.passwordOf(ada.id), password));
  });

  it('needs a proof by the factor that they have, no older than five minutes, beside the old password', async function () {
    const driver = await anyDriver(this);
    const device = await driver.enrol(visitor, portal.clock.now());
    const token = (await visitor.get(path)).forms.find((form) => form.action === path)?.hidden.get('_csrf') ?? '';
    portal.clock.advance({ minutes: 5 });
    await assertUnchanged(
      portal,
      async () => {
        const answer = await visitor.submit(path, { password, newPassword: next, _csrf: token }, { hidden: false });
        assert.match(answer.location ?? '', /^\/account\/confirm\?/);
      },
      'a session and the password',
    );
    await visitor.submit(
      '/account/confirm',
      { code: driver.code(device, portal.clock.now()) },
      { from: '/account/confirm' },
    );
    assert.equal((await change(visitor, { password, newPassword: next })).status, 303);
  });

  it('is done once when ten ask two processes at the same moment', async () => {
    const chosen = Array.from({ length: 10 }, (_, index) => `${next} ${String(index)}`);
    const browsers = chosen.map((_, index) => {
      const browser = (index % 2 === 0 ? portal : twin).visitor();
      for (const [name, value] of visitor.cookies) browser.cookies.set(name, value);
      return browser;
    });
    const answers = await burst(10, (index) =>
      browsers[index]!.holdSubmit(path, { password, newPassword: chosen[index]! }, { from: path }),
    );
    assert.equal(
      answers.filter(({ status }) => status === 303).length,
      1,
      answers.map(({ status }) => status).join(' '),
    );
    const stored = await portal.accounts.passwordOf(ada.id);
    const right = await Promise.all(chosen.map(async (one) => (await portal.hasher.verify(stored, one)).right));
    assert.equal(right.filter(Boolean).length, 1);
    assert.equal(
      right.indexOf(true),
      answers.findIndex(({ status }) => status === 303),
    );
  });

  it('makes links worthless that somebody asked for who knew the old one', async () => {
    const reset = await portal.links.issue(ada.id, 'passwordReset');
    await portal.links.wantEmail(ada.id, { email: 'eve@example.com', key: 'eve@example.com' });
    const moved = await portal.links.issueEmailChange(ada.id, 'eve@example.com');
    await change(visitor, { password, newPassword: next });
    assert.equal(await portal.links.find('passwordReset', reset?.token ?? ''), null);
    assert.equal(await portal.links.find('emailChange', moved?.token ?? ''), null);
  });

  it('takes eight characters from who is always asked for a second step, and fifteen from staff', async function () {
    const driver = await anyDriver(this);
    await setPolicy(portal, { mode: 'required' });
    await driver.enrol(visitor, portal.clock.now());
    assert.match((await visitor.get(path)).text, /At least 8 characters/);
    assert.equal((await change(visitor, { password, newPassword: 'g7kettle' })).status, 303);
    assert.equal((await portal.accounts.byId(ada.id))?.passwordShort, true);
    const staff = await portal.addPerson({ kind: 'staff' });
    const member = portal.visitor();
    await signInWith(member, staff.email);
    await driver.enrol(member, portal.clock.now());
    const refused = await change(member, { password, newPassword: 'g7kettle' });
    assert.match(refused.text, /at least 15 characters/);
  });
});
