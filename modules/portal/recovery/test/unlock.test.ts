import assert from 'node:assert/strict';
import type { Visitor } from '../../../../test/support/http.ts';
import { anyFormToken, linkIn, linkMails, newestLink } from '../../../../test/support/mail-links.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import { passwordCeilings } from '../../../sign-in/password-tries.ts';
import { linkCeilings } from '../link-limits.ts';

const { tries, windowSeconds } = passwordCeilings.account;

describe('An account whose password tries are used up', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal({ environment: { TRUST_PROXY: '1' } });
  });
  after(() => portal.close());
  beforeEach(() => {
    portal.clock.advance({ hours: 24 });
  });

  /** Tries until the answer is 429, and gives that answer. */
  async function useUp(email: string, visitor: Visitor = portal.visitor()) {
    for (let count = 0; count < tries; count += 1) await signInWith(visitor, email, 'wrong password number one');
    const answer = await signInWith(visitor, email, 'wrong password number one');
    assert.equal(answer.status, 429);
    return answer;
  }

  it('is opened for the owner’s browser by a link in a mail, and the refusal says that there is one', async () => {
    const ada = await portal.addPerson();
    const refused = await useUp(ada.email);
    assert.match(
      refused.text,
      /If this address has an account, a link that lets you try again at once was mailed there/,
    );
    await assertValidHtml(refused.html);
    const [mail] = await linkMails(portal, 'unlock', ada.email);
    for (const part of [mail?.text ?? '', mail?.html ?? ''])
      for (const words of ['Somebody, maybe you, typed wrong passwords', 'nobody got in', '127.0.0.1'])
        assert.ok(part.includes(words), words);
    const visitor = portal.visitor();
    const page = await visitor.follow(await visitor.get(linkIn(mail!)));
    assert.equal(page.url.pathname, '/unlock');
    await assertValidHtml(page.html);
    assert.equal((await signInWith(visitor, ada.email)).status, 429, 'to open the link is not enough');
    await visitor.get('/unlock');
    const done = await visitor.follow(await visitor.submit('/unlock'));
    assert.equal(done.url.pathname, '/sign-in');
    assert.match(done.text, /You can try again now/);
    assert.equal((await visitor.follow(await signInWith(visitor, ada.email))).url.pathname, '/home');
    const rows = await portal.audit.latest({ personId: ada.id }, 40);
    assert.ok(rows.some(({ event, reason }) => event === 'sign-in.unlocked' && reason === 'unlock-link'));
    assert.ok(rows.some(({ event }) => event === 'sign-in.unlock-mailed'));
  });

  it('is opened also for a browser that the account knows and that used up tries of its own', async () => {
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    await signInWith(visitor, ada.email);
    await visitor.submit('/sign-out', {}, { from: '/home' });
    await useUp(ada.email, visitor);
    await visitor.get(await newestLink(portal, 'unlock', ada.email));
    assert.equal((await visitor.submit('/unlock', {}, { from: '/unlock' })).status, 303);
    assert.equal((await signInWith(visitor, ada.email)).status, 303);
  });

  it('is mailed a link at most three times a day, and only where somebody could sign in', async () => {
    const ada = await portal.addPerson();
    const others = [
      await portal.addPerson({ disabled: true }),
      await portal.addPerson({ password: null }),
      { email: 'nobody@example.com' },
    ];
    for (const { email } of others) await useUp(email);
    for (let count = 0; count < linkCeilings.unlocks.tries + 2; count += 1) {
      await useUp(ada.email);
      await portal.mails();
      portal.clock.advance({ seconds: windowSeconds });
    }
    assert.equal((await linkMails(portal, 'unlock', ada.email)).length, linkCeilings.unlocks.tries);
    for (const { email } of others) assert.equal((await linkMails(portal, 'unlock', email)).length, 0, email);
  });

  it('has one page for a link that was used, is too old, was replaced or never was', async () => {
    const ada = await portal.addPerson();
    await useUp(ada.email);
    const old = await newestLink(portal, 'unlock', ada.email);
    portal.clock.advance({ seconds: windowSeconds });
    await useUp(ada.email);
    const used = await newestLink(portal, 'unlock', ada.email);
    assert.notEqual(old, used);
    const visitor = portal.visitor();
    await visitor.get(used);
    await visitor.submit('/unlock', {}, { from: '/unlock' });
    portal.clock.advance({ seconds: windowSeconds });
    await useUp(ada.email);
    const late = await newestLink(portal, 'unlock', ada.email);
    portal.clock.advance({ minutes: 60 });
    const pages = new Set<string>();
    for (const link of [old, used, late, `/unlock/${'x'.repeat(43)}`, '/unlock/cut-off']) {
      const other = portal.visitor();
      const page = await other.follow(await other.get(link));
      await other.get(link);
      const answer = await other.submit('/unlock', { _csrf: await anyFormToken(other) }, { hidden: false });
      assert.deepEqual([page.status, answer.status], [403, 403], link);
      pages.add(page.html).add(answer.html);
    }
    assert.equal(pages.size, 1);
    await assertValidHtml([...pages][0] ?? '');
  });
});
