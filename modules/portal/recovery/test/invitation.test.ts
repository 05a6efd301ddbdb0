import assert from 'node:assert/strict';
import type { Person } from '../../../kernel/person.ts';
import type { Visitor } from '../../../../test/support/http.ts';
import { anyFormToken, choosePassword, linkIn, linkMails, newestLink } from '../../../../test/support/mail-links.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, password, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import { linkCeilings } from '../link-limits.ts';

describe('An invitation', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal({ environment: { HELP_CONTACT: 'help@harbour.example', TRUST_PROXY: '1' } });
  });
  after(() => portal.close());
  beforeEach(() => {
    portal.clock.advance({ hours: 1 });
  });

  async function invited(inviter: string | null = 'Grace Hopper'): Promise<{ person: Person; link: string }> {
    const person = await portal.addPerson({ password: null, company: await portal.companies.create('Quarry Foods') });
    assert.ok(await portal.invite(person, { by: { kind: 'portal' }, inviter }));
    return { person, link: await newestLink(portal, 'invitation', person.email) };
  }

  /** Presses "Send me a new link" on the page that the link leads to, or sends that form without a page. */
  async function askAgain(visitor: Visitor, link: string | null) {
    if (link !== null) await visitor.get(link);
    return visitor.submit('/invitation/again', { _csrf: await anyFormToken(visitor) }, { hidden: false });
  }

  it('names who invites, greets by name, company and site, and leads to a password of one’s own and the sign-in', async () => {
    const { person, link } = await invited();
    const [mail] = await linkMails(portal, 'invitation', person.email);
    for (const part of [mail?.text ?? '', mail?.html ?? ''])
      for (const words of ['Grace Hopper added you to Gatehouse', person.email, 'Quarry Foods', portal.url])
        assert.ok(part.includes(words), `${words} in ${part}`);
    const visitor = portal.visitor();
    const page = await visitor.follow(await visitor.get(link));
    assert.equal(page.url.pathname, '/invitation');
    await assertValidHtml(page.html);
    for (const words of ['Welcome, Ada Lovelace', 'Gatehouse', 'Quarry Foods', person.email, 'help@harbour.example'])
      assert.ok(page.text.includes(words), words);
    const weak = await visitor.submit('/invitation', { newPassword: 'Quarry Foods 2024' });
    assert.equal(weak.status, 422);
    await assertValidHtml(weak.html);
    const done = await visitor.follow(await visitor.submit('/invitation', { newPassword: password }));
    assert.equal(done.url.pathname, '/sign-in');
    assert.ok(done.text.includes(`Your password is set. Sign in as ${person.email}.`), done.text);
    assert.equal((await visitor.follow(await signInWith(visitor, person.email))).url.pathname, '/home');
    const events = (await portal.audit.latest({ personId: person.id }, 20)).map(({ event }) => event);
    for (const event of ['person.invited', 'person.joined']) assert.ok(events.includes(event), event);
  });

  it('leads whoever must have a second factor to its set-up', async () => {
    const person = await portal.addPerson({ password: null, staffWord: 'required' });
    await portal.invite(person, { by: { kind: 'portal' }, inviter: null });
    const visitor = portal.visitor();
    await choosePassword(visitor, await newestLink(portal, 'invitation', person.email), password);
    const next = await signInWith(visitor, person.email);
    assert.match(next.location ?? '', /^\/sign-in\/(?:enrol|blocked)/);
  });

  it('that is too old is sent anew, to the person’s own address alone, and the old link stays dead', async () => {
    const { person, link } = await invited();
    portal.clock.advance({ hours: 7 * 24 });
    const visitor = portal.visitor();
    const page = await visitor.follow(await visitor.get(link));
    assert.equal(page.status, 403);
    await assertValidHtml(page.html);
    assert.ok(!page.html.includes(person.name) && !page.html.includes(person.email), 'it names nobody any more');
    const sent = await visitor.follow(await visitor.submit('/invitation/again'));
    assert.equal(sent.url.pathname, '/invitation/again');
    await assertValidHtml(sent.html);
    const [mail, ...older] = await linkMails(portal, 'invitation');
    assert.equal(mail?.to, person.email);
    assert.ok(older.every((one) => linkIn(one) !== linkIn(mail)));
    assert.equal((await choosePassword(portal.visitor(), link, password)).status, 403);
    assert.equal((await choosePassword(portal.visitor(), linkIn(mail), password)).status, 303);
  });

  it('that was used, taken back or never was gets the same page and the same answer, and nothing is sent', async () => {
    const { link: expired } = await invited();
    portal.clock.advance({ hours: 7 * 24 });
    const used = await invited();
    await choosePassword(portal.visitor(), used.link, password);
    const revoked = await invited();
    await portal.links.revoke(revoked.person.id, 'invitation');
    const disabled = await invited();
    await portal.standing.disable(disabled.person.id);
    const before = (await portal.mails()).length;
    const links = {
      used: used.link,
      revoked: revoked.link,
      disabled: disabled.link,
      unknown: `/invitation/${'x'.repeat(43)}`,
      garbled: '/invitation/again-and-again',
      none: null,
    };
    const look = async (link: string | null) => {
      const visitor = portal.visitor();
      const page = await visitor.follow(link === null ? await visitor.get('/invitation') : await visitor.get(link));
      const answer = await askAgain(visitor, link);
      const plain = page.html.replace(/name="_csrf" value="[^"]*"/g, '');
      return [page.status, plain, answer.status, answer.location, Object.keys(answer.headers).sort()];
    };
    const first = await look(expired);
    assert.equal(first[0], 403);
    assert.equal((await portal.mails()).length, before + 1);
    for (const [name, link] of Object.entries(links)) assert.deepEqual(await look(link), first, name);
    assert.equal((await portal.mails()).length, before + 1);
  });

  it('that is taken back while the new one is being asked for stays so', async () => {
    const { person, link } = await invited();
    const before = (await portal.mails()).length;
    await askAgain(portal.visitor(), link);
    await portal.links.revoke(person.id, 'invitation');
    assert.equal((await portal.mails()).length, before);
    assert.equal(await portal.links.invitationOf(person.id), null);
  });

  it('is sent anew at most twice in half an hour', async () => {
    const { person, link } = await invited();
    portal.clock.advance({ hours: 7 * 24 });
    const before = (await linkMails(portal, 'invitation', person.email)).length;
    const visitor = portal.visitor();
    for (let count = 0; count < 5; count += 1) {
      // The newest link that there is: only the newest one names anybody.
      await askAgain(visitor, count === 0 ? link : await newestLink(portal, 'invitation', person.email));
      await portal.mails();
      portal.clock.advance({ seconds: 1 });
    }
    const sent = (await linkMails(portal, 'invitation', person.email)).length - before;
    assert.equal(sent, linkCeilings.mailsInALinksLife.tries);
  });

  it('is not sent to anybody who has a password, is disabled or gone', async () => {
    const by = { kind: 'portal' as const };
    const joined = await portal.addPerson();
    const disabled = await portal.addPerson({ password: null, disabled: true });
    const gone = await portal.addPerson({ password: null });
    await portal.standing.remove(gone.id);
    for (const person of [joined, disabled, gone])
      assert.equal(await portal.invite(person, { by, inviter: null }), false);
    assert.equal(await portal.links.invitationOf(joined.id), null);
  });

  it('goes to the address that the person has when it is sent, not to one that was just changed', async () => {
    const seen = await portal.addPerson({ password: null, email: 'mistyped@example.com' });
    await portal.links.changeEmail(seen.id, { email: 'right@example.com', key: 'right@example.com' });
    await portal.invite(seen, { by: { kind: 'portal' }, inviter: null });
    assert.equal((await linkMails(portal, 'invitation', 'mistyped@example.com')).length, 0);
    assert.equal((await linkMails(portal, 'invitation', 'right@example.com')).length, 1);
  });
});
