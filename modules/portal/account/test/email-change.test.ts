import assert from 'node:assert/strict';
import { assertUnchanged } from '../../../../test/attacks/support/database.ts';
import { isSignedIn, sessionCookie, signInByPassword } from '../../../../test/attacks/support/people.ts';
import { burst, type Visitor } from '../../../../test/support/http.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, password, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import type { Person } from '../../../kernel/person.ts';
import { askFor, emailPath, freshEmail, linkTo, openAndPress } from './email-support.ts';

describe('Changing one’s own e-mail address', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  let ada: Person;
  let visitor: Visitor;
  before(async () => {
    // Mails are written when a test asks for them, and not in the middle of it.
    portal = await openTestPortal({ environment: { JOBS: 'off' } });
    twin = await portal.twin();
  });
  after(() => portal.close());
  beforeEach(async () => {
    ada = await portal.addPerson({ emailConfirmed: true });
    visitor = await signInByPassword(portal, ada);
  });

  const addressOf = async (person: Person) => (await portal.accounts.byId(person.id))?.email;

  it('waits for the link that is mailed to the new one; the old one holds, and the page and the security page say so', async () => {
    const email = freshEmail();
    await assertValidHtml((await visitor.get(emailPath)).html, emailPath);
    const page = await visitor.follow(await askFor(visitor, email));
    assert.equal(page.url.pathname, emailPath);
    assert.ok(
      page.text.includes(`Open the link in the mail we sent to ${email}. Until then you sign in with ${ada.email}.`),
    );
    await assertValidHtml(page.html, emailPath);
    assert.ok((await visitor.get('/account/security')).text.includes(`Waiting for ${email} to be confirmed`));
    assert.equal(await addressOf(ada), ada.email);
    const [mail, ...more] = (await portal.mails()).filter(({ to }) => to === email || to === ada.email);
    assert.equal(mail?.to, email);
    assert.deepEqual(more, []);
    assert.ok(!mail.text.includes(ada.email) && !mail.text.includes(ada.name), 'a mistyped address learns nothing');
    assert.match(mail.text, /The link works until: \d/);
  });

  it('takes a press, not only the opening of the link; then the old one gets the way back, and all others are out', async () => {
    const email = freshEmail();
    const other = await signInByPassword(twin, ada, twin.visitor());
    await askFor(visitor, email);
    const link = await linkTo(portal, email);
    const scanner = portal.visitor();
    await assertUnchanged(portal, async () => scanner.follow(await scanner.get(link ?? '')), 'opening the link');
    const opened = await visitor.get(link ?? '');
    assert.equal(opened.location, '/email/confirm', 'the token leaves the address');
    const page = await visitor.follow(opened);
    assert.ok(page.text.includes(`Confirm, and ${ada.name} signs in to Gatehouse with ${email} from now on.`));
    await assertValidHtml(page.html, '/email/confirm');
    const before = sessionCookie(visitor);
    const done = await visitor.follow(await visitor.submit('/email/confirm', {}, { from: '/email/confirm' }));
    assert.equal(done.url.pathname, '/account/security');
    assert.ok(done.text.includes(`From now on you sign in with ${email}.`));
    assert.notEqual(sessionCookie(visitor), before);
    assert.equal(await isSignedIn(other), false);
    assert.equal((await signInWith(portal.visitor(), ada.email)).status, 422);
    assert.equal((await signInWith(portal.visitor(), email)).status, 303);
    const now = await portal.accounts.byId(ada.id);
    assert.deepEqual([now?.email, now?.emailConfirmed], [email, true]);
    const [notice] = (await portal.mails()).filter(({ to }) => to === ada.email);
    assert.match(notice?.subject ?? '', /Your e-mail address was changed$/);
    assert.match(notice?.text ?? '', /\/email\/undo\/[A-Za-z0-9_-]{43}\n/);
    assert.ok(!notice?.text.includes(email), 'the old mailbox need not know the new one');
    const events = (await portal.audit.latest({ personId: ada.id }, 50)).map(({ event }) => event);
    assert.ok(events.includes('person.email-change-asked') && events.includes('person.email-changed'));
  });

  it('works in a browser where nobody is signed in, and signs nobody in there', async () => {
    const email = freshEmail();
    await askFor(visitor, email);
    const elsewhere = portal.visitor();
    const done = await elsewhere.follow(await openAndPress(elsewhere, await linkTo(portal, email)));
    assert.equal(done.url.pathname, '/sign-in');
    assert.ok(done.text.includes(`you sign in with ${email}`));
    assert.equal(await isSignedIn(visitor), false, 'the one that asked is no exception');
  });

  it('is refused where another person is signed in, with a plain page, and changes nothing', async () => {
    const email = freshEmail();
    await askFor(visitor, email);
    const link = await linkTo(portal, email);
    const eve = await signInByPassword(portal, await portal.addPerson({ name: 'Eve' }));
    const own = sessionCookie(eve);
    const page = await eve.follow(await eve.get(link ?? ''));
    assert.equal(page.status, 403);
    assert.match(page.text, /You are signed in as somebody else/);
    await assertValidHtml(page.html, '/email/confirm');
    const token = page.forms[0]?.hidden.get('_csrf') ?? '';
    await assertUnchanged(
      portal,
      async () => {
        assert.equal((await eve.submit('/email/confirm', { _csrf: token }, { hidden: false })).status, 403);
      },
      'a press in another person’s browser',
    );
    assert.equal(sessionCookie(eve), own);
    assert.equal((await openAndPress(visitor, link)).status, 303, 'the link is still good');
  });

  it('does not touch the sign-in of somebody else who is half signed in there', async () => {
    const email = freshEmail();
    await askFor(visitor, email);
    const eve = await portal.addPerson({ staffWord: 'required' });
    const browser = portal.visitor();
    await signInWith(browser, eve.email);
    const step = await browser.get('/sign-in/enrol');
    assert.equal((await openAndPress(browser, await linkTo(portal, email))).location, '/sign-in');
    assert.equal(await addressOf(ada), email);
    assert.equal((await browser.get('/sign-in/enrol')).location, step.location);
  });

  it('answers the same for an address that somebody has, mails nothing there, and takes it from nobody', async () => {
    const grace = await portal.addPerson();
    const free = freshEmail();
    const seen = [];
    for (const email of [free, grace.email, grace.email.toUpperCase()]) {
      const asked = await askFor(visitor, email);
      const page = await visitor.follow(asked);
      const { date: _date, 'content-length': _length, ...headers } = asked.headers;
      const text = page.html.replace(/name="_csrf" value="[^"]*"/g, '').replaceAll(email, 'EMAIL');
      seen.push({ status: asked.status, headers, page: page.status, text });
    }
    assert.deepEqual(seen[1], seen[0]);
    assert.deepEqual(seen[2], seen[0]);
    assert.deepEqual(
      (await portal.mails()).filter(({ to }) => to.toLowerCase() === grace.email),
      [],
    );
    const [task] = await portal.database.connection.collection('tasks').find().toArray();
    assert.equal(task, undefined, 'the work is done');
    assert.equal(await addressOf(grace), grace.email);
  });

  it('keeps no token in clear, neither while the mail waits nor afterwards', async () => {
    const email = freshEmail();
    await askFor(visitor, email);
    const dump = async () =>
      JSON.stringify(
        await Promise.all(
          ['people', 'tasks', 'auditEvents', 'messages'].map((name) =>
            portal.database.connection.collection(name).find().toArray(),
          ),
        ),
      );
    const before = await dump();
    const token = (await linkTo(portal, email))?.split('/').at(-1) ?? '';
    assert.match(token, /^[A-Za-z0-9_-]{43}$/);
    assert.ok(!before.includes(token) && !(await dump()).includes(token));
    await visitor.get(`/email/confirm/${token}`);
    assert.ok(!portal.logLines().some((line) => line.includes(token)));
  });

  it('is cancelled by the person, in words, and the link is dead then, even one not mailed yet', async () => {
    const [mailed, waiting] = [freshEmail(), freshEmail()];
    await askFor(visitor, mailed);
    const link = await linkTo(portal, mailed);
    const cancel = () => visitor.submit(`${emailPath}/cancel`, {}, { from: emailPath });
    const done = await visitor.follow(await cancel());
    assert.match(done.text, /Cancelled\. Your e-mail address stays as it is/);
    assert.equal((await visitor.follow(await visitor.get(link ?? ''))).status, 403);
    await askFor(visitor, waiting);
    await cancel();
    assert.equal(await linkTo(portal, waiting), undefined);
  });

  it('has one link at a time: the newest; used, replaced, over and made up ones end on one page that says what to do', async () => {
    const [first, second] = [freshEmail(), freshEmail()];
    await askFor(visitor, first);
    const replaced = await linkTo(portal, first);
    await askFor(visitor, second);
    const used = await linkTo(portal, second);
    assert.equal((await openAndPress(visitor, used)).status, 303);
    const late = freshEmail();
    await askFor(visitor, late);
    const over = await linkTo(portal, late);
    portal.clock.advance({ hours: 24 });
    const pages = new Set<string>();
    for (const link of [replaced, used, over, `/email/confirm/${'A'.repeat(43)}`, '/email/confirm']) {
      const stranger = portal.visitor();
      const page = await stranger.follow(await stranger.get(link ?? ''));
      assert.equal(page.status, 403, link);
      assert.match(page.text, /sign in and ask for a new link/);
      await assertValidHtml(page.html, link);
      pages.add(page.html.replace(/name="_csrf" value="[^"]*"/g, ''));
    }
    assert.equal(pages.size, 1);
    assert.equal(await addressOf(ada), second);
  });

  it('happens once when twenty press at once in two processes', async () => {
    const email = freshEmail();
    await askFor(visitor, email);
    const link = await linkTo(portal, email);
    const browsers: Visitor[] = [];
    for (let index = 0; index < 20; index += 1) {
      const browser = (index % 2 === 0 ? portal : twin).visitor();
      await browser.follow(await browser.get(link ?? ''));
      browsers.push(browser);
    }
    const answers = await burst(20, (index) =>
      browsers[index]!.holdSubmit('/email/confirm', {}, { from: '/email/confirm' }),
    );
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [303, ...Array<number>(19).fill(403)]);
    assert.equal(await addressOf(ada), email);
    const notices = (await portal.mails()).filter(({ to }) => to === ada.email);
    assert.equal(notices.length, 1);
  });

  it('gives an address that two race for to one of them; the other gets a sentence, and keeps theirs', async () => {
    const email = freshEmail();
    const bob = await portal.addPerson({ name: 'Bob' });
    const other = await signInByPassword(twin, bob, twin.visitor());
    const links: string[] = [];
    for (const [who, address] of [
      [visitor, email],
      [other, email.replace('new', 'NEW')],
    ] as const) {
      await askFor(who, address);
      links.push((await linkTo(portal, address)) ?? '');
    }
    for (const [index, who] of [visitor, other].entries()) await who.follow(await who.get(links[index]!));
    const answers = await burst(2, (index) =>
      [visitor, other][index]!.holdSubmit('/email/confirm', {}, { from: '/email/confirm' }),
    );
    const lost = answers.find(({ status }) => status === 422);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 422]);
    assert.match(lost?.text ?? '', /Somebody already has this e-mail address/);
    await assertValidHtml(lost?.html ?? '', '/email/confirm');
    const [first, second] = [await addressOf(ada), await addressOf(bob)];
    assert.ok((first === ada.email) !== (second === bob.email));
  });

  it('refuses what is no address, keeps it in the form, and says of one’s own that it is', async () => {
    for (const email of [
      '',
      'nobody',
      'a@b',
      'eve@example.com\r\nBcc: x@example.com',
      'a b@example.com',
      '"><script>@x.de',
    ]) {
      const page = await askFor(visitor, email);
      assert.equal(page.status, 422, email);
      assert.doesNotMatch(page.html, /<script>@/);
    }
    assert.match((await askFor(visitor, 'nobody at all')).html, /value="nobody at all"/);
    assert.match((await askFor(visitor, ada.email)).text, /This is your address already/);
    assert.equal((await visitor.get('/account/security')).text.includes('Waiting for'), false);
  });

  it('is asked for five times an hour at most', async () => {
    for (let count = 0; count < 5; count += 1) assert.equal((await askFor(visitor, freshEmail())).status, 303);
    await askFor(visitor, 'not counted');
    const last = freshEmail();
    const page = await askFor(visitor, last);
    assert.equal(page.status, 429);
    assert.ok(page.html.includes(`value="${last}"`));
    assert.equal(await linkTo(portal, last), undefined);
    portal.clock.advance({ hours: 1 });
    visitor = await signInByPassword(portal, ada);
    assert.equal((await askFor(visitor, last)).status, 303);
  });

  it('needs a proof no older than five minutes', async () => {
    await askFor(visitor, freshEmail());
    const token = (await visitor.get(emailPath)).forms[0]?.hidden.get('_csrf') ?? '';
    portal.clock.advance({ minutes: 5 });
    assert.match((await visitor.get(emailPath)).location ?? '', /^\/account\/confirm\?/);
    await assertUnchanged(
      portal,
      async () => {
        for (const path of [emailPath, `${emailPath}/cancel`]) {
          const answer = await visitor.submit(path, { email: freshEmail(), _csrf: token }, { hidden: false });
          assert.match(answer.location ?? '', /^\/account\/confirm\?/, path);
        }
      },
      'a session alone',
    );
  });
});

describe('An e-mail address that nobody confirmed', () => {
  it('is pointed out at home, and confirmed by a link to itself without ending any sign-in', async () => {
    const portal = await openTestPortal();
    try {
      const ada = await portal.addPerson();
      const visitor = await signInByPassword(portal, ada);
      const other = await signInByPassword(portal, ada);
      assert.match((await visitor.get('/home')).text, /We do not know yet whether mails reach you/);
      const page = await visitor.get(emailPath);
      const form = page.forms.find(({ hidden }) => hidden.get('email') === ada.email);
      await visitor.submit(emailPath, Object.fromEntries(form?.hidden ?? []), { hidden: false });
      const done = await visitor.follow(await openAndPress(visitor, await linkTo(portal, ada.email)));
      assert.ok(done.text.includes(`${ada.email} is confirmed`));
      assert.equal((await portal.accounts.byId(ada.id))?.emailConfirmed, true);
      assert.ok(await isSignedIn(other));
      assert.doesNotMatch((await visitor.get('/home')).text, /whether mails reach you/);
      assert.ok(!(await portal.mails()).some(({ text }) => text.includes('/email/undo/')));
      assert.equal((await signInWith(portal.visitor(), ada.email, password)).status, 303);
    } finally {
      await portal.close();
    }
  });
});
