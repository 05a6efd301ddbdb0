import assert from 'node:assert/strict';
import { assertUnchanged } from '../../../../test/attacks/support/database.ts';
import { isSignedIn, signInByPassword } from '../../../../test/attacks/support/people.ts';
import { burst, type Visitor } from '../../../../test/support/http.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import type { Person } from '../../../kernel/person.ts';
import { mailEmailChanged } from '../email-mails.ts';
import { askFor, freshEmail, linkTo, mailsOf, openAndPress } from './email-support.ts';

describe('Taking an e-mail address back', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  let ada: Person;
  let intruder: Visitor;
  let taken: string;
  let undo: string | undefined;
  before(async () => {
    // Mails are written when a test asks for them, and not in the middle of it.
    portal = await openTestPortal({ environment: { JOBS: 'off' } });
    twin = await portal.twin();
  });
  after(() => portal.close());
  beforeEach(async () => {
    ada = await portal.addPerson();
    intruder = await signInByPassword(portal, ada);
    taken = freshEmail();
    await askFor(intruder, taken);
    await openAndPress(intruder, await linkTo(portal, taken));
    undo = await linkTo(portal, ada.email, 'undo');
  });

  const addressOf = async (person: Person) => (await portal.accounts.byId(person.id))?.email;

  it('takes a press, ends every sign-in, advises a new password, and tells the address that was lost', async () => {
    const owner = portal.visitor();
    const page = await assertUnchanged(
      portal,
      async () => owner.follow(await owner.get(undo ?? '')),
      'opening the link',
    );
    assert.equal(page.url.pathname, '/email/undo');
    assert.ok(page.text.includes(`signs in to Gatehouse with ${ada.email} again`));
    assert.ok(!page.text.includes(taken));
    await assertValidHtml(page.html, '/email/undo');
    const done = await owner.follow(await owner.submit('/email/undo', {}, { from: '/email/undo' }));
    assert.equal(done.url.pathname, '/sign-in');
    assert.ok(done.text.includes(`Your e-mail address is ${ada.email} again`));
    assert.match(done.html, /href="\/forgot-password"/);
    assert.equal(await addressOf(ada), ada.email);
    assert.equal(await isSignedIn(intruder), false);
    assert.equal((await signInWith(portal.visitor(), taken)).status, 422);
    assert.equal((await signInWith(portal.visitor(), ada.email)).status, 303);
    const mail = (await portal.mails()).find(({ to, subject }) => to === taken && subject.endsWith('was changed back'));
    assert.match(mail?.text ?? '', /You can no longer sign in with/);
    assert.doesNotMatch(mail?.text ?? '', /\/email\//);
    const events = (await portal.audit.latest({ personId: ada.id }, 50)).map(({ event }) => event);
    assert.ok(events.includes('person.email-restored'));
  });

  it('ends the sign-in of the browser that does it, too', async () => {
    assert.equal((await openAndPress(intruder, undo)).location, '/sign-in');
    assert.equal(await isSignedIn(intruder), false);
  });

  it('works for seven days, once, however many press at once', async () => {
    portal.clock.advance({ hours: 7 * 24 - 1 });
    const browsers: Visitor[] = [];
    for (let index = 0; index < 20; index += 1) {
      const browser = (index % 2 === 0 ? portal : twin).visitor();
      await browser.follow(await browser.get(undo ?? ''));
      browsers.push(browser);
    }
    const answers = await burst(20, (index) => browsers[index]!.holdSubmit('/email/undo', {}, { from: '/email/undo' }));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, ...Array<number>(19).fill(403)]);
    assert.equal(
      (await portal.mails()).filter(({ to, subject }) => to === taken && subject.endsWith('back')).length,
      1,
    );
  });

  it('is over after seven days, with the same page as a made-up link', async () => {
    portal.clock.advance({ hours: 7 * 24 });
    const pages = new Set<string>();
    for (const link of [undo, `/email/undo/${'A'.repeat(43)}`, '/email/undo']) {
      const stranger = portal.visitor();
      const page = await stranger.follow(await stranger.get(link ?? ''));
      assert.equal(page.status, 403);
      pages.add(page.html.replace(/name="_csrf" value="[^"]*"/g, ''));
    }
    assert.equal(pages.size, 1);
    assert.equal(await addressOf(ada), taken);
  });

  it('goes back to the first of several addresses, and the later ways back are gone', async () => {
    const third = freshEmail();
    await askFor(intruder, third);
    await openAndPress(intruder, await linkTo(portal, third));
    const later = await linkTo(portal, taken, 'undo');
    assert.ok(later);
    assert.equal((await openAndPress(portal.visitor(), undo)).location, '/sign-in');
    assert.equal(await addressOf(ada), ada.email);
    const eve = portal.visitor();
    assert.equal((await eve.follow(await eve.get(later))).status, 403);
  });

  it('cannot be pushed out by changing the address on and on', async () => {
    for (let count = 0; count < 15; count += 1) {
      const email = freshEmail();
      assert.ok(await portal.links.changeEmail(ada.id, { email, key: email }));
    }
    assert.equal((await openAndPress(portal.visitor(), undo)).location, '/sign-in');
    assert.equal(await addressOf(ada), ada.email);
  });

  it('says so where somebody else has the address by now, and changes nothing', async () => {
    await portal.addPerson({ email: ada.email });
    const owner = portal.visitor();
    const answer = await openAndPress(owner, undo);
    assert.equal(answer.status, 422);
    assert.match(answer.text, /Somebody already has this e-mail address/);
    assert.equal(await addressOf(ada), taken);
  });

  it('is over for as long as the account is disabled, also for a press that is on its way already', async () => {
    await portal.standing.disable(ada.id);
    const owner = portal.visitor();
    assert.equal((await owner.follow(await owner.get(undo ?? ''))).status, 403);
    assert.equal(await portal.links.undoEmail(undo?.split('/').at(-1) ?? ''), null);
    assert.equal(await addressOf(ada), taken);
    await portal.standing.enable(ada.id);
    assert.equal((await openAndPress(portal.visitor(), undo)).location, '/sign-in');
  });

  it('is refused where another person is signed in', async () => {
    const eve = await signInByPassword(portal, await portal.addPerson());
    assert.equal((await eve.follow(await eve.get(undo ?? ''))).status, 403);
    assert.equal(await addressOf(ada), taken);
  });

  it('is offered after a change by staff as well, but not to an address that nobody ever signed in with', async () => {
    const bob = await portal.addPerson({ name: 'Bob' });
    const change = async (person: Person) => {
      const email = freshEmail();
      const changed = await portal.links.changeEmail(person.id, { email, key: email });
      assert.ok(changed);
      await mailEmailChanged(mailsOf(portal), { changed, by: 'staff' });
    };
    await change(bob);
    const [mail] = (await portal.mails()).filter(({ to }) => to === bob.email);
    assert.match(mail?.text ?? '', /The people who run Gatehouse gave your account another e-mail address/);
    await openAndPress(portal.visitor(), await linkTo(portal, bob.email, 'undo'));
    assert.equal(await addressOf(bob), bob.email);
    const invited = await portal.addPerson({ password: null });
    await change(invited);
    assert.deepEqual(
      (await portal.mails()).filter(({ to }) => to === invited.email),
      [],
    );
  });
});
