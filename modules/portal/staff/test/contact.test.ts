import assert from 'node:assert/strict';
import { authenticator, describeWithAuthenticator } from '../../../../test/attacks/support/authenticator.ts';
import { assertUnchanged } from '../../../../test/attacks/support/database.ts';
import {
  addMember,
  codeNow,
  giveCode,
  halfway,
  isSignedIn,
  signInByPassword,
  signInFully,
  wrongCode,
} from '../../../../test/attacks/support/people.ts';
import { missingId } from '../../../../test/attacks/support/routes.ts';
import { burst, type Visitor } from '../../../../test/support/http.ts';
import { openTestPortal, password, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import type { NewPerson } from '../../../accounts/people.ts';
import type { Person } from '../../../kernel/person.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { editDetails, linksOf, pathOf, plain, staffOf, tokenOf } from './pages.ts';

describeWithAuthenticator('A contact, for staff,', () => {
  let portal: TestPortal;
  let as: (profile: string) => Promise<Visitor>;
  before(async () => {
    portal = await openTestPortal();
    as = staffOf(portal);
  });
  after(() => portal.close());

  const add = (person: Partial<NewPerson> = {}) => portal.addPerson({ name: 'Ada Lovelace', ...person });
  const lastEvent = async ({ id }: Person, event: string) =>
    (await portal.audit.latest({ personId: id }, 50)).find((row) => row.event === event);
  const mailsTo = async (email: string) => (await portal.mails()).filter(({ to }) => to === email);

  describe('has a page', () => {
    it('that says side by side whether a second step is required, the login e-mail, and what is set up, and why (D15)', async () => {
      const ada = await addMember(portal, { name: 'Ada Lovelace', email: 'ada@d15.example' });
      const manager = await as('sales-manager');
      const page = await manager.get(pathOf(ada.person));
      await assertValidHtml(page.html);
      assert.match(
        page.text,
        /Multi-factor authentication required No Login e-mail Not confirmed ada@d15\.example .*Set up Yes/,
      );
      assert.match(page.text, /Ada Lovelace is asked for a second step, because one is set up\./);
      assert.ok(!page.html.includes(ada.device.secret));
      await editDetails(manager, ada.person, { requireMfa: 'yes' });
      const after = await manager.get(pathOf(ada.person));
      assert.match(after.text, /Multi-factor authentication required Yes/);
      assert.match(after.text, /because staff require it of this person\. The sales-manager decided so/);
      assert.match(after.text, /Details were changed.*The sales-manager/);
      assert.ok(
        linksOf(after, pathOf(ada.person)).some(({ text }) => text === 'Edit Login Details'),
        'D5',
      );
    });

    it('that says who of the company requires a second step, and lets staff take that away when its Admin tab is gone', async () => {
      const boss = await add({ name: 'Berta Boss' });
      const ada = await portal.accounts.edit((await add()).id, { companyWord: 'required' });
      assert.ok(ada);
      await portal.audit.record({
        event: 'person.edited',
        outcome: 'success',
        actor: { kind: 'person', id: boss.id },
        target: { kind: 'person', id: ada.id },
        detail: { companyWordBefore: 'inherit', companyWordAfter: 'required' },
      });
      const [manager, support] = [await as('sales-manager'), await as('support')];
      const page = await manager.get(pathOf(ada));
      await assertValidHtml(page.html);
      assert.match(
        page.text,
        /The company’s administrators require a second step of Ada Lovelace\. Berta Boss decided/,
      );
      const path = pathOf(ada, '/company-requirement');
      assert.ok(linksOf(page, path).length > 0);
      assert.equal(linksOf(await support.get(pathOf(ada)), path).length, 0, 'it takes the permission');
      assert.equal((await support.get(path)).status, 403);
      await assertValidHtml((await manager.get(path)).html);
      await manager.submit(path, { reason: 'The company has no administrators any more' }, { from: path });
      assert.equal((await portal.accounts.byId(ada.id))?.companyWord, 'inherit');
      const row = await lastEvent(ada, 'person.edited');
      assert.deepEqual(row?.detail, { companyWordBefore: 'required', companyWordAfter: 'inherit' });
      assert.equal(row.reason, 'The company has no administrators any more');
      assert.doesNotMatch((await manager.get(pathOf(ada))).text, /administrators require a second step/);
      assert.equal((await manager.follow(await manager.get(path))).url.pathname, pathOf(ada), 'there is nothing to do');
    });

    it('that gives a sentence for each reason that the policy has', async () => {
      const people = {
        'it is this person’s own choice': await add(),
        'because staff require it of this person': await add({ staffWord: 'required' }),
        'because staff decided so for this person': await add({ staffWord: 'exempt' }),
      };
      const support = await as('support');
      for (const [words, person] of Object.entries(people))
        assert.ok((await support.get(pathOf(person))).text.includes(words), words);
    });

    it('that says what locks the person out and until when, and unlocks the windows but not the hundred failures', async () => {
      const ada = await addMember(portal);
      const { person } = ada;
      for (let tries = 0; tries < 11; tries += 1)
        await signInWith(portal.visitor(), person.email, 'wrong password number one');
      await portal.engine.attempts.free({
        personId: person.id,
        factor: authenticator().id,
        ceiling: { tries: 10, windowSeconds: 900 },
      });
      const support = await as('support');
      const page = await support.get(pathOf(person));
      assert.match(page.text, /Too many wrong passwords\. The next try is free in \d+ minutes \(.+\)/);
      assert.equal((await signInWith(portal.visitor(), person.email)).status, 429);
      const unlocked = await support.submit(pathOf(person, '/unlock'), {}, { from: pathOf(person) });
      assert.match((await support.follow(unlocked)).text, /Ada Lovelace can try again at once/);
      const row = await lastEvent(person, 'sign-in.unlocked');
      assert.deepEqual([row?.target?.id, row?.actor.kind], [person.id, 'person']);
      const visitor = await halfway(portal, person);
      for (let tries = 0; tries < 10; tries += 1) await giveCode(visitor, wrongCode(portal, ada));
      assert.equal((await giveCode(visitor, codeNow(portal, ada))).status, 429);
      assert.match((await support.get(pathOf(person))).text, /too many wrong tries\. The next one is free in/);
      await support.submit(pathOf(person, '/unlock'), {}, { from: pathOf(person) });
      assert.equal((await giveCode(visitor, codeNow(portal, ada))).status, 303, 'the right code is accepted again');

      const failures = portal.database.connection.collection<{ _id: string; consecutive: number }>('factorFailures');
      await failures.updateOne(
        { _id: `${person.id} ${authenticator().id}` },
        { $set: { consecutive: 100 } },
        { upsert: true },
      );
      const locked = await support.get(pathOf(person));
      assert.match(locked.text, /locked after 100 wrong codes in a row\. Unlocking does not help: only a reset does/);
      assert.ok(!locked.forms.some(({ action }) => action.endsWith('/unlock')), 'nothing that it would help');
      const token = await tokenOf(support);
      await support.submit(pathOf(person, '/unlock'), { _csrf: token }, { hidden: false });
      assert.equal((await failures.findOne({ _id: `${person.id} ${authenticator().id}` }))?.consecutive, 100);
    });

    it('that says when it is their own browser that is held up, and unlocks that', async () => {
      const ada = await portal.addPerson();
      const visitor = await signInByPassword(portal, ada);
      await visitor.submit('/sign-out', {}, { from: '/home' });
      for (let tries = 0; tries < 11; tries += 1) await signInWith(visitor, ada.email, 'wrong password number one');
      const support = await as('support');
      const page = await support.get(pathOf(ada));
      assert.match(page.text, /in a browser that signed in before\. Its next try is free in \d+ minutes/);
      assert.doesNotMatch(page.text, /The next try is free/);
      await support.submit(pathOf(ada, '/unlock'), {}, { from: pathOf(ada) });
      assert.doesNotMatch((await support.get(pathOf(ada))).text, /wrong passwords/);
      assert.equal((await signInWith(visitor, ada.email)).status, 303);
    });

    it('that tells of the invitation, the sign-ins and the latest events in words', async () => {
      const support = await as('support');
      const ada = await add({ email: 'events@example.com' });
      const visitor = await signInByPassword(portal, ada);
      await signInWith(portal.visitor(), ada.email, 'wrong password number one');
      const page = await support.get(pathOf(ada));
      assert.match(page.text, /Live sign-ins 1/);
      assert.match(
        page.text,
        /A sign-in was refused The password was not right .* Refused Nobody signed in .*Signed in .* Done Ada Lovelace/,
      );
      assert.ok(await isSignedIn(visitor));
      const invited = await add({ password: null });
      assert.match((await support.get(pathOf(invited))).text, /Invitation None is open/);
      await portal.links.issue(invited.id, 'invitation');
      assert.match((await support.get(pathOf(invited))).text, /Invitation Open until in 7 days/);
      portal.clock.advance({ hours: 24 * 7 + 1 });
      assert.match((await (await as('support')).get(pathOf(invited))).text, /Invitation Expired/);
    });

    it('that shows markup in names as text, also on the pages of each action', async () => {
      for (const payload of [
        '<script>alert(1)</script>',
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        '{{7*7}}<%= 7*7 %>',
      ]) {
        const person = await add({ name: payload, company: { id: missingId, name: payload } });
        const manager = await as('sales-manager');
        for (const rest of ['', '/login-details', '/reset-mfa', '/disable', '/end-sessions']) {
          const page = await manager.get(pathOf(person, rest));
          assert.equal(page.status, 200, rest);
          assert.doesNotMatch(page.html, /<script>|<img src=x|' onmouseover='/, rest);
          assert.doesNotMatch(page.text, /\b49\b/);
        }
        const ended = await manager.submit(
          pathOf(person, '/end-sessions'),
          {},
          { from: pathOf(person, '/end-sessions') },
        );
        assert.doesNotMatch((await manager.follow(ended)).html, /<script>|<img src=x|' onmouseover='/);
      }
    });
  });

  describe('can have the second step reset', () => {
    it('with a reason: the old app is worth nothing, a fresh set-up follows, and nobody else is touched (D14)', async () => {
      const ada = await addMember(portal, { staffWord: 'required' });
      const bob = await addMember(portal, { name: 'Bob Same' });
      const session = await signInFully(portal, ada);
      const manager = await as('sales-manager');
      const path = pathOf(ada.person, '/reset-mfa');
      const page = await manager.get(path);
      await assertValidHtml(page.html);
      assert.match(
        page.text,
        /Reset MFA for Ada Lovelace\?.*stops working at once.*cannot be undone.*Make sure that it is them/,
      );
      assert.match(page.html, /<button[^>]*>Reset MFA for Ada Lovelace<\/button>/);
      const empty = await assertUnchanged(portal, () => manager.submit(path, { reason: ' ' }), 'no reason');
      assert.equal(empty.status, 422);
      const enrolments = portal.database.connection.collection('enrolments');
      const untouched = await enrolments.find({ personId: bob.person.id }).toArray();
      const answer = await manager.submit(path, { reason: 'Lost phone, called back' }, { from: path });
      assert.match((await manager.follow(answer)).text, /MFA of Ada Lovelace is reset\./);
      assert.ok(!(await isSignedIn(session)));
      assert.deepEqual(await enrolments.find({ personId: ada.person.id }).toArray(), []);
      assert.deepEqual(await enrolments.find({ personId: bob.person.id }).toArray(), untouched, 'byte for byte (S12)');
      const row = await lastEvent(ada.person, 'enrolment.reset');
      assert.equal(row?.reason, 'Lost phone, called back');
      assert.notEqual(row.actor.id, ada.person.id);
      assert.ok((await mailsTo(ada.person.email)).some(({ subject }) => subject.includes('reset')));
      const next = portal.visitor();
      assert.equal((await signInWith(next, ada.person.email)).location, '/sign-in/enrol');
      const fresh = await authenticator().enrol(next, portal.clock.now());
      portal.clock.advance({ seconds: 30 });
      const again = await halfway(portal, ada.person);
      assert.equal((await giveCode(again, codeNow(portal, ada))).status, 422, 'the old app');
      assert.equal((await giveCode(again, authenticator().code(fresh, portal.clock.now()))).status, 303);
    });
  });

  describe('can be disabled and enabled', () => {
    it('with a reason: sign-ins end at once, and come back with the same password and app', async () => {
      const ada = await addMember(portal);
      const session = await signInFully(portal, ada);
      const manager = await as('sales-manager');
      const disable = pathOf(ada.person, '/disable');
      assert.equal((await manager.submit(disable, { reason: '' }, { from: disable })).status, 422);
      const answer = await manager.submit(disable, { reason: 'Left the company' }, { from: disable });
      const page = await manager.follow(answer);
      assert.match(page.text, /The account of Ada Lovelace is disabled\..*nobody can sign in with it/);
      assert.ok(!(await isSignedIn(session)));
      assert.equal((await signInWith(portal.visitor(), ada.person.email)).status, 422);
      assert.equal((await lastEvent(ada.person, 'person.disabled'))?.reason, 'Left the company');
      assert.match((await manager.follow(await manager.get(disable))).text, /was disabled already/);
      const enable = pathOf(ada.person, '/enable');
      await manager.submit(enable, { reason: 'Came back' }, { from: enable });
      assert.equal((await lastEvent(ada.person, 'person.enabled'))?.reason, 'Came back');
      assert.ok(await isSignedIn(await signInFully(portal, ada)));
    });

    it('and kept disabled where the company’s administrators did it: from then on only staff enable it', async () => {
      await setPolicy(portal, { companyAdmins: 'manage' });
      const company = await portal.companies.create('Harbour');
      const ada = await portal.addPerson({ company });
      const boss = await signInByPassword(portal, await portal.addPerson({ company, companyAdmin: true }));
      const own = `/company/users/${ada.id}`;
      await boss.submit(`${own}/disable`, { reason: 'Left' }, { from: `${own}/disable` });
      const manager = await as('sales-manager');
      assert.match((await manager.get(pathOf(ada))).text, /disabled by its company’s administrators/);
      const keep = pathOf(ada, '/keep-disabled');
      const mails = (await mailsTo(ada.email)).length;
      const page = await manager.follow(await manager.submit(keep, { reason: 'Fraud' }, { from: keep }));
      assert.match(page.text, /stays disabled until staff enable it\..*nobody can sign in with it/);
      assert.ok(!page.html.includes('keep-disabled"'), 'it is done');
      const row = await lastEvent(ada, 'person.kept-disabled');
      assert.deepEqual([row?.reason, row?.outcome], ['Fraud', 'success']);
      assert.equal((await mailsTo(ada.email)).length, mails, 'nothing that they did not know');
      assert.ok(!(await boss.get(own)).html.includes(`${own}/enable"`));
      const forged = { reason: 'Let me', _csrf: await tokenOf(boss) };
      assert.equal((await boss.submit(`${own}/enable`, forged, { hidden: false })).status, 403);
      assert.equal((await portal.accounts.byId(ada.id))?.disabled, true);
      assert.match((await manager.follow(await manager.get(keep))).text, /not disabled by its company any more/);
    });

    it('once, when the form is sent many times', async () => {
      const ada = await add();
      const manager = await as('sales-manager');
      const path = pathOf(ada, '/disable');
      const answers = await burst(6, () => manager.clone().holdSubmit(path, { reason: 'Left' }, { from: path }));
      assert.ok(answers.every(({ status }) => status === 303));
      const rows = (await portal.audit.latest({ personId: ada.id }, 50)).filter(
        ({ event }) => event === 'person.disabled',
      );
      assert.equal(rows.length, 1);
    });
  });

  it('can be signed out everywhere, after a page that asks', async () => {
    const ada = await add();
    const sessions = [await signInByPassword(portal, ada), await signInByPassword(portal, ada)];
    const manager = await as('sales-manager');
    const path = pathOf(ada, '/end-sessions');
    assert.match((await manager.get(path)).text, /signed out on every device, at once/);
    for (const session of sessions) assert.ok(await isSignedIn(session), 'asking ends nothing');
    const answer = await manager.submit(path, {}, { from: path });
    assert.match((await manager.follow(answer)).text, /All sign-ins of Ada Lovelace have ended\..*Live sign-ins 0/);
    for (const session of sessions) assert.ok(!(await isSignedIn(session)));
    assert.notEqual((await lastEvent(ada, 'sign-in.ended'))?.actor.id, ada.id);
    assert.ok(await signInByPassword(portal, ada));
  });

  it('can be invited again, by support too, but not without end, and not once there is a password', async () => {
    const ada = await add({ password: null, email: 'again@invited.example' });
    const first = await portal.links.issue(ada.id, 'invitation');
    const support = await as('support');
    const resend = pathOf(ada, '/invitation/resend');
    const answer = await support.submit(resend, {}, { from: pathOf(ada) });
    assert.match((await support.follow(answer)).text, /An invitation is on its way to again@invited\.example/);
    assert.equal(await portal.links.find('invitation', first?.token ?? ''), null);
    for (let count = 0; count < 4; count += 1) await support.submit(resend, {}, { from: pathOf(ada) });
    assert.equal((await support.submit(resend, {}, { from: pathOf(ada) })).status, 429);
    assert.equal((await mailsTo('again@invited.example')).length, 5);

    const revoke = pathOf(ada, '/invitation/revoke');
    assert.ok(
      !(await support.get(pathOf(ada))).forms.some(({ action }) => action === revoke),
      'support does not take back',
    );
    const manager = await as('sales-manager');
    const revoked = await manager.submit(revoke, {}, { from: pathOf(ada) });
    assert.match((await manager.follow(revoked)).text, /is taken back.*Invitation None is open/);
    assert.equal(await portal.links.invitationOf(ada.id), null);
    assert.ok(await lastEvent(ada, 'person.invitation-revoked'));

    const joined = await add({ email: 'joined@invited.example' });
    const token = await tokenOf(support);
    const stale = await support.submit(pathOf(joined, '/invitation/resend'), { _csrf: token }, { hidden: false });
    assert.match((await support.follow(stale)).text, /No invitation was sent/);
    assert.deepEqual(await mailsTo('joined@invited.example'), []);
  });

  const actions = ['/login-details', '/reset-mfa', '/disable', '/enable', '/end-sessions'] as const;
  const posts = [...actions, '/unlock', '/invitation/resend', '/invitation/revoke'] as const;

  it('is changed only after a fresh proof where who can sign in, or how, is at stake (SES-12)', async () => {
    const ada = await addMember(portal);
    const manager = await as('sales-manager');
    const token = await tokenOf(manager);
    portal.clock.advance({ minutes: 6 });
    for (const rest of ['/login-details', '/reset-mfa', '/disable', '/enable']) {
      const path = pathOf(ada.person, rest);
      await assertUnchanged(
        portal,
        async () => {
          const confirm = `/account/confirm?returnTo=${encodeURIComponent(path)}`;
          assert.equal((await manager.get(path)).location, confirm, path);
          const fields = { reason: 'x', name: 'Eve', email: 'eve@example.com', _csrf: token };
          const answer = await manager.submit(path, fields, { hidden: false, headers: { referer: portal.url + path } });
          assert.equal(answer.location, confirm, `POST ${path}`);
        },
        path,
      );
    }
  });

  it('shows support only what support may do, and refuses the rest when it is forged', async () => {
    const [ada, open] = [await addMember(portal), await add({ password: null })];
    await portal.links.issue(open.id, 'invitation');
    const support = await as('support');
    const page = await support.get(pathOf(ada.person));
    assert.equal(page.status, 200);
    assert.deepEqual(linksOf(page, `${pathOf(ada.person)}/`), []);
    const token = await tokenOf(support);
    const fields = { reason: 'x', name: 'Eve', email: 'eve@example.com', requireMfa: 'yes', _csrf: token };
    for (const person of [ada.person, open]) {
      for (const rest of [...actions, '/invitation/revoke']) {
        await assertUnchanged(
          portal,
          async () => {
            if (rest !== '/invitation/revoke')
              assert.equal((await support.get(pathOf(person, rest))).status, 403, rest);
            const answer = await support.submit(pathOf(person, rest), fields, { hidden: false });
            assert.equal(answer.status, 403, `POST ${rest}`);
          },
          rest,
        );
      }
    }
    const refused = await portal.audit.latest({}, 1);
    assert.equal(refused[0]?.event, 'access.refused');
  });

  it('that is none (staff, somebody missing, no id at all) is the same page that is not there, for every action', async () => {
    const colleague = await portal.addPerson({ kind: 'staff', profile: 'support' });
    const manager = await as('sales-manager');
    const token = await tokenOf(manager);
    const missing = await manager.get(`/staff/contacts/${missingId}`);
    assert.equal(missing.status, 404);
    const fields = { reason: 'x', name: 'Eve', email: 'eve@example.com', _csrf: token };
    for (const id of [colleague.id, missingId, 'x', colleague.id.slice(1), '%7B%22$ne%22:1%7D']) {
      await assertUnchanged(
        portal,
        async () => {
          for (const rest of ['', ...actions]) {
            const page = await manager.get(`/staff/contacts/${id}${rest}`);
            assert.equal(page.status, 404, `${id}${rest}`);
            assert.equal(plain(page), plain(missing), `${id}${rest}`);
          }
          for (const rest of posts) {
            const answer = await manager.submit(`/staff/contacts/${id}${rest}`, fields, { hidden: false });
            assert.equal(answer.status, 404, `POST ${id}${rest}`);
            assert.equal(plain(answer), plain(missing), `POST ${id}${rest}`);
          }
        },
        id,
      );
    }
    const support = await as('support');
    assert.equal((await support.get(`/staff/contacts/${missingId}/reset-mfa`)).status, 403, 'permission comes first');
    const customer = portal.visitor();
    await signInWith(customer, (await add()).email, password);
    for (const rest of ['', ...actions])
      assert.equal((await customer.get(`/staff/contacts/${colleague.id}${rest}`)).status, 404);
  });
});
