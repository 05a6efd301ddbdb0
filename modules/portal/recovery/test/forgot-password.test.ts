import assert from 'node:assert/strict';
import type { ObjectId } from 'mongodb';
import {
  anyFormToken,
  choosePassword,
  forgetPassword,
  linkIn,
  linkMails,
  newestLink,
} from '../../../../test/support/mail-links.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { openTestPortal, password, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { linkCeilings } from '../link-limits.ts';

const next = 'copper kettles sing at dawn';

describe('A forgotten password', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal({ environment: { SITE_NAME: 'Harbour & Sons', TRUST_PROXY: '1' } });
  });
  after(() => portal.close());
  beforeEach(() => {
    portal.clock.advance({ hours: 1 });
  });

  const reasons = async (personId: string) =>
    (await portal.audit.latest({ personId }, 20)).map(({ event, reason }) => [event, reason ?? '']);

  it('is replaced with a link in a mail, from the sign-in page on, and the person signs in with the new one', async () => {
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    assert.match((await visitor.get('/sign-in')).html, /href="\/forgot-password"/);
    await assertValidHtml((await visitor.get('/forgot-password')).html);
    const sent = await visitor.follow(await forgetPassword(visitor, ` ${ada.email.toUpperCase()} `));
    assert.equal(sent.url.pathname, '/forgot-password/sent');
    await assertValidHtml(sent.html);
    const link = await newestLink(portal, 'reset-password', ada.email);
    const page = await visitor.follow(await visitor.get(link));
    assert.equal(page.url.pathname, '/reset-password');
    await assertValidHtml(page.html);
    assert.match(page.html, /autocomplete="username"[^>]* hidden/);
    assert.match(page.html, /autocomplete="new-password"/);
    const done = await visitor.follow(await visitor.submit('/reset-password', { newPassword: next }));
    assert.equal(done.url.pathname, '/sign-in', 'nobody is signed in by a link');
    assert.ok(done.text.includes(`Your password is changed. Sign in as ${ada.email}.`), done.text);
    assert.equal((await signInWith(visitor, ada.email)).status, 422, 'the old one is dead');
    assert.equal((await visitor.follow(await signInWith(visitor, ada.email, next))).url.pathname, '/home');
    const events = await reasons(ada.id);
    assert.ok(events.some(([event, reason]) => event === 'password.changed' && reason === 'reset-link'));
    assert.ok(events.some(([event]) => event === 'password.reset-asked'));
    const mails = (await portal.mails()).filter(({ to }) => to === ada.email);
    assert.ok(mails.some(({ subject }) => subject === 'Harbour & Sons: Your password was changed'));
  });

  it('tells in the mail who may have asked, when, from where and until when, in both parts and without any other address', async () => {
    const ada = await portal.addPerson();
    const visitor = portal.visitor();
    visitor.headers['x-forwarded-for'] = '203.0.113.9';
    visitor.headers['user-agent'] = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
    await forgetPassword(visitor, ada.email);
    const [mail] = await linkMails(portal, 'reset-password', ada.email);
    assert.equal(mail?.subject, 'Harbour & Sons: Choose a new password');
    for (const part of [mail.text, mail.html ?? '']) {
      for (const words of [
        'maybe you',
        '203.0.113.9',
        'Firefox, Linux',
        'there is nothing to do',
        `${portal.url}/reset-password/`,
      ])
        assert.ok(part.includes(words), `${words} in ${part}`);
      assert.doesNotMatch(part, /<img|<script|https?:\/\/(?!127\.0\.0\.1)/);
    }
    const [row] = await portal.audit.latest({ personId: ada.id }, 1);
    assert.equal(row?.address, '203.0.113.9', 'the audit knows whose wish the work in the background was');
  });

  it('is asked for in the person’s language', async () => {
    const ada = await portal.addPerson();
    await portal.accounts.setPreferences(ada.id, { language: 'de', timeZone: 'Europe/Berlin' });
    await forgetPassword(portal.visitor(), ada.email);
    const [mail] = await linkMails(portal, 'reset-password', ada.email);
    assert.match(mail?.text ?? '', /Neues Passwort wählen/);
    assert.match(mail?.text ?? '', /Europe\/Berlin/);
  });

  it('is refused only for the form of the address, with what was typed kept', async () => {
    for (const email of ['', 'ada', 'ada@example', 'a@b@example.com', 'ada@example.com\r\nBcc: eve@example.com']) {
      const answer = await forgetPassword(portal.visitor(), email);
      assert.equal(answer.status, 422, email);
      await assertValidHtml(answer.html);
    }
    assert.match((await forgetPassword(portal.visitor(), 'ada@')).html, /value="ada@"/);
  });

  it('keeps the link when a new password is refused, with the reason, and does not take the old one again', async () => {
    const ada = await portal.addPerson();
    await forgetPassword(portal.visitor(), ada.email);
    const link = await newestLink(portal, 'reset-password', ada.email);
    const visitor = portal.visitor();
    const weak: [string, RegExp][] = [
      ['', /Fill this in/],
      ['fourteen chars', /at least 15/],
      ['passwordpassword', /lists that attackers try/],
      ['Harbour Sons 2024!', /too close to/],
      [ada.email, /too close to/],
      [password, /the password you have now/],
      ['long enough '.repeat(90), /at most 1024/],
      ['x'.repeat(5000), /at most 4096/],
    ];
    for (const [given, reason] of weak) {
      const answer = await choosePassword(visitor, link, given);
      assert.equal(answer.status, 422, given);
      assert.match(answer.text, reason, given);
      assert.ok(given === '' || given === ada.email || !answer.html.includes(given), 'it is never sent back');
      await assertValidHtml(answer.html);
    }
    assert.equal((await choosePassword(visitor, link, next)).status, 303);
  });

  it('may be as short as the policy allows the person, and no shorter', async () => {
    const people = portal.database.connection.collection('people');
    await setPolicy(portal, { mode: 'required' });
    try {
      const exempt = await portal.addPerson({ staffWord: 'exempt' });
      const required = await portal.addPerson();
      for (const { email } of [exempt, required]) await forgetPassword(portal.visitor(), email);
      const short = 'mild9fox';
      const links = await Promise.all(
        [exempt, required].map(({ email }) => newestLink(portal, 'reset-password', email)),
      );
      const tooShort = await choosePassword(portal.visitor(), links[0] ?? '', short);
      assert.match(tooShort.text, /at least 15/);
      assert.equal((await choosePassword(portal.visitor(), links[1] ?? '', short)).status, 303);
      const row = await people.findOne({ email: required.email });
      assert.equal(row?.['passwordShort'], true);
    } finally {
      await setPolicy(portal, { mode: 'optional' });
    }
  });

  it('sends nothing to the disabled and the unknown, and the invitation anew to those whose invitation is open', async () => {
    const disabled = await portal.addPerson({ disabled: true });
    const taken = await portal.addPerson({ password: null });
    const invited = await portal.addPerson({ password: null });
    for (const person of [taken, invited]) await portal.invite(person, { by: { kind: 'portal' }, inviter: null });
    await portal.links.revoke(taken.id, 'invitation');
    const first = await newestLink(portal, 'invitation', invited.email);
    portal.clock.advance({ seconds: 1 });
    const before = (await portal.mails()).length;
    for (const email of [disabled.email, taken.email, invited.email, 'nobody@example.com'])
      await forgetPassword(portal.visitor(), email);
    const mails = await portal.mails();
    assert.equal(mails.length, before + 1);
    assert.equal(mails[0]?.to, invited.email);
    assert.equal((await choosePassword(portal.visitor(), first, next)).status, 403, 'the newest link alone works');
    assert.equal((await choosePassword(portal.visitor(), linkIn(mails[0]), next)).status, 303);
    assert.deepEqual((await reasons(disabled.id))[0], ['password.reset-asked', 'disabled']);
    assert.deepEqual((await reasons(taken.id))[0], ['password.reset-asked', 'no-password']);
    assert.ok((await portal.audit.latest({}, 10)).some(({ reason }) => reason === 'unknown-address'));
  });

  it('is mailed at most three times an hour for an account; each link works for 30 minutes', async () => {
    const ada = await portal.addPerson();
    const links = async () => (await linkMails(portal, 'reset-password', ada.email)).length;
    const askOften = async () => {
      for (let count = 0; count < 5; count += 1) {
        const answer = await forgetPassword(portal.visitor(), ada.email);
        assert.equal(answer.location, '/forgot-password/sent');
        await portal.mails();
      }
    };
    await askOften();
    assert.equal(await links(), linkCeilings.mailsInALinksLife.tries);
    portal.clock.advance({ minutes: 29, seconds: 59 });
    // Both mails are of one moment: which of them is the newer one, only the links themselves know.
    const statuses: number[] = [];
    for (const mail of await linkMails(portal, 'reset-password', ada.email))
      statuses.push((await choosePassword(portal.visitor(), linkIn(mail), next)).status);
    assert.deepEqual(statuses.sort(), [303, 403]);
    portal.clock.advance({ seconds: 1 });
    await askOften();
    assert.equal(await links(), linkCeilings.mails.tries);
    portal.clock.advance({ minutes: 29, seconds: 59 });
    await askOften();
    assert.equal(await links(), linkCeilings.mails.tries);
    portal.clock.advance({ seconds: 1 });
    await askOften();
    assert.ok((await links()) > linkCeilings.mails.tries);
  });

  it('is within reach whenever strangers ask for links all the time: by one in the mailbox, or a new one', async () => {
    const ada = await portal.addPerson();
    for (let round = 0; round < 40; round += 1) {
      for (let count = 0; count < 2; count += 1) {
        const stranger = portal.visitor();
        stranger.headers['x-forwarded-for'] = `198.51.100.${String(round)}`;
        await forgetPassword(stranger, ada.email);
        await portal.mails();
        portal.clock.advance({ seconds: 1 });
      }
      const owner = portal.visitor();
      const page = await owner.follow(await owner.get(await newestLink(portal, 'reset-password', ada.email)));
      assert.equal(page.status, 200, `round ${String(round)}`);
      portal.clock.advance({ minutes: 4, seconds: 57 });
    }
    const times = (await linkMails(portal, 'reset-password', ada.email)).map(({ at }) => at.getTime());
    for (const at of times)
      assert.ok(times.filter((other) => other >= at && other < at + 3_600_000).length <= linkCeilings.mails.tries);
  });

  it('is mailed for so many accounts from one address of the network, and for no more', async () => {
    const visitor = portal.visitor();
    visitor.headers['x-forwarded-for'] = '203.0.113.20';
    const _csrf = await anyFormToken(visitor);
    const tasks = portal.database.connection.collection('tasks');
    await portal.tasks.work();
    const locations = new Set<string | undefined>();
    for (let count = 0; count < linkCeilings.asks.tries; count += 1)
      locations.add(
        (await visitor.submit('/forgot-password', { email: `u${String(count)}@example.com`, _csrf }, { hidden: false }))
          .location,
      );
    const ada = await portal.addPerson();
    locations.add((await visitor.submit('/forgot-password', { email: ada.email, _csrf }, { hidden: false })).location);
    assert.deepEqual([...locations], ['/forgot-password/sent']);
    assert.equal((await linkMails(portal, 'reset-password', ada.email)).length, 0);
    assert.equal(await tasks.countDocuments(), 0);
  });

  it('is mailed once, with a link that works, where the work is done again after a crash', async () => {
    const ada = await portal.addPerson();
    const tasks = portal.database.connection.collection<{ _id: string | ObjectId }>('tasks');
    await portal.tasks.work();
    await forgetPassword(portal.visitor(), ada.email);
    const task = await tasks.findOne();
    assert.ok(task, 'the answer does not wait for the work');
    const link = await newestLink(portal, 'reset-password', ada.email);
    // As if the process had ended between the mail and the note that the work is done.
    await tasks.insertOne(task);
    assert.deepEqual((await linkMails(portal, 'reset-password', ada.email)).map(linkIn), [link]);
    assert.equal((await choosePassword(portal.visitor(), link, next)).status, 303);
  });

  it('is mailed all the same where the mail could not be queued at first', async () => {
    const ada = await portal.addPerson();
    const enqueue = portal.outbox.enqueue.bind(portal.outbox);
    portal.outbox.enqueue = () => Promise.reject(new Error('The disk is full.'));
    await forgetPassword(portal.visitor(), ada.email);
    await portal.tasks.work();
    portal.outbox.enqueue = enqueue;
    assert.equal((await linkMails(portal, 'reset-password', ada.email)).length, 0);
    portal.clock.advance({ minutes: 5 });
    const link = await newestLink(portal, 'reset-password', ada.email);
    assert.equal((await choosePassword(portal.visitor(), link, next)).status, 303);
  });
});
