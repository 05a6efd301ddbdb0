import assert from 'node:assert/strict';
import { describeWithAuthenticator } from '../../../../test/attacks/support/authenticator.ts';
import { assertUnchanged, dumpDatabase } from '../../../../test/attacks/support/database.ts';
import { isSignedIn, signInByPassword } from '../../../../test/attacks/support/people.ts';
import { missingId } from '../../../../test/attacks/support/routes.ts';
import { burst, type Visitor } from '../../../../test/support/http.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { openTestPortal, signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import { assertValidHtml } from '../../../../test/support/page-quality.ts';
import { builtInProfiles, type Profile } from '../../../accounts/profiles.ts';
import type { NewPerson } from '../../../accounts/people.ts';
import type { Person } from '../../../kernel/person.ts';
import { boxOf, editDetails, linksOf, pathOf, staffOf, valueOf } from './pages.ts';

const requireLabel = 'Require multi-factor authentication when logging in';

describeWithAuthenticator('The login details of a contact', () => {
  let portal: TestPortal;
  let as: (profile: string) => Promise<Visitor>;
  before(async () => {
    portal = await openTestPortal();
    as = staffOf(portal);
  });
  after(() => portal.close());

  const add = (person: Partial<NewPerson> = {}) => portal.addPerson({ name: 'Ada Lovelace', ...person });
  const now = async ({ id }: Person) => (await portal.accounts.byId(id))!;
  const lastEvent = async ({ id }: Person, event: string) =>
    (await portal.audit.latest({ personId: id }, 50)).find((row) => row.event === event);
  const mailsTo = async (email: string) => (await portal.mails()).filter(({ to }) => to === email);

  it('have the checkbox bound to its label, and two ways out: OK and Cancel (D5, D6)', async () => {
    const ada = await add();
    const manager = await as('sales-manager');
    const page = await manager.get(pathOf(ada, '/login-details'));
    await assertValidHtml(page.html);
    const id = boxOf(page, 'requireMfa')?.attributes.get('id') ?? '';
    assert.match(page.html, new RegExp(`<label for="${id}">${requireLabel}</label>`));
    assert.match(page.html, /<button[^>]*>OK<\/button>/);
    assert.deepEqual(linksOf(page, pathOf(ada)).at(-1), { href: pathOf(ada), text: 'Cancel' });
    assert.doesNotMatch(page.html, /type="password"/);
  });

  it('count only after OK, for this person alone, and only from the next sign-in on (D1, D7, D8, D9)', async () => {
    const [ada, bob] = [await add(), await add({ name: 'Bob Same' })];
    const session = await signInByPassword(portal, ada);
    const manager = await as('sales-manager');
    await assertUnchanged(portal, () => manager.get(pathOf(ada, '/login-details')), 'leaving without OK');
    const others = async () =>
      (await dumpDatabase(portal))
        .split('\n')
        .filter((line) => !line.includes(ada.id))
        .join('\n');
    const before = await others();
    const answer = await editDetails(manager, ada, { requireMfa: 'yes' });
    assert.match((await manager.follow(answer)).text, /The login details of Ada Lovelace are saved\./);
    assert.equal(await others(), before, 'nothing of anybody else changed');
    assert.equal((await now(ada)).staffWord, 'required');
    const row = await lastEvent(ada, 'person.edited');
    assert.deepEqual(row?.detail, { staffWordBefore: 'inherit', staffWordAfter: 'required' });
    assert.ok(await isSignedIn(session), 'the running sign-in goes on');
    assert.equal((await signInWith(portal.visitor(), ada.email)).location, '/sign-in/enrol');
    assert.ok(await signInByPassword(portal, bob));
    const reopened = await manager.get(pathOf(ada, '/login-details'));
    assert.ok(boxOf(reopened, 'requireMfa')?.attributes.has('checked'));
    await editDetails(manager, ada, { requireMfa: '' });
    assert.equal((await now(ada)).staffWord, 'inherit');
  });

  it('have a place of their own for never asking a person', async () => {
    const ada = await add();
    const manager = await as('sales-manager');
    const both = await assertUnchanged(
      portal,
      () => editDetails(manager, ada, { requireMfa: 'yes', neverAsk: 'yes' }),
      'both',
    );
    assert.equal(both.status, 422);
    await editDetails(manager, ada, { neverAsk: 'yes' });
    assert.equal((await now(ada)).staffWord, 'exempt');
    const page = await manager.get(pathOf(ada, '/login-details'));
    assert.match(page.html, /<details class="field rare" open>/);
    assert.ok(!boxOf(page, 'requireMfa')?.attributes.has('checked'));
  });

  it('require nothing of a person who has no password yet: the box is off with a reason, a forged tick is refused (D3)', async () => {
    const ada = await add({ password: null });
    const manager = await as('sales-manager');
    const page = await manager.get(pathOf(ada, '/login-details'));
    assert.ok(boxOf(page, 'requireMfa')?.attributes.has('disabled'));
    assert.match(page.text, /they have not chosen a password/);
    for (const field of ['requireMfa', 'neverAsk']) {
      const answer = await assertUnchanged(portal, () => editDetails(manager, ada, { [field]: 'yes' }), field);
      assert.equal(answer.status, 422);
      await assertValidHtml(answer.html);
    }
    const word = await add({ password: null, staffWord: 'required' });
    await editDetails(manager, word, { name: 'Renamed Only' });
    assert.deepEqual([(await now(word)).name, (await now(word)).staffWord], ['Renamed Only', 'required']);
  });

  it('take a new address at once, end every sign-in, and tell the old one, with a way back', async () => {
    const ada = await add({ email: 'old@address.example', emailConfirmed: true });
    const session = await signInByPassword(portal, ada);
    await portal.links.issue(ada.id, 'passwordReset');
    const manager = await as('sales-manager');
    const answer = await editDetails(manager, ada, { email: 'new@address.example' });
    assert.match(
      (await manager.follow(answer)).text,
      /new@address\.example holds from now on, and all sign-ins have ended/,
    );
    const changed = await now(ada);
    assert.deepEqual([changed.email, changed.emailConfirmed], ['new@address.example', false]);
    assert.ok(!(await isSignedIn(session)));
    assert.equal((await signInWith(portal.visitor(), 'old@address.example')).status, 422);
    assert.ok(await signInByPassword(portal, changed));
    const [mail] = await mailsTo('old@address.example');
    const [, undo = ''] = /\/email\/undo\/([A-Za-z0-9_-]{43})/.exec(mail?.text ?? '') ?? [];
    assert.equal((await portal.links.undoEmail(undo))?.email, 'old@address.example');
    const row = await lastEvent(ada, 'person.email-changed');
    assert.equal(row?.actor.kind, 'person');
    assert.ok(!JSON.stringify(row).includes('address.example'), 'the audit keeps no address (LOG-4)');
  });

  it('have the way back in the outbox before anything else that may be cut short', async () => {
    const ada = await add();
    const manager = await as('sales-manager');
    const seen: number[] = [];
    portal.audit.onRecord(async ({ target }) => {
      if (target?.id === ada.id)
        seen.push((await portal.outbox.kept(1000)).filter(({ to }) => to === ada.email).length);
    });
    await editDetails(manager, ada, { name: 'Ada King', email: `moved.${ada.email}` });
    assert.ok(seen.length > 1);
    assert.deepEqual([...new Set(seen)], [1]);
  });

  it('send a new invitation to a new address where nobody ever signed in, and nothing to the old one', async () => {
    const ada = await add({ password: null, email: 'typo@address.example' });
    const first = await portal.links.issue(ada.id, 'invitation');
    await editDetails(await as('sales-manager'), ada, { email: 'right@address.example' });
    assert.deepEqual(await mailsTo('typo@address.example'), []);
    const [mail] = await mailsTo('right@address.example');
    assert.match(mail?.text ?? '', /\/invitation\//);
    assert.equal(await portal.links.find('invitation', first?.token ?? ''), null, 'the first link is dead');
  });

  it('refuse an address that is none or taken, at its field, and store nothing else', async () => {
    const ada = await add({ email: 'first@taken.example' });
    await add({ email: 'second@taken.example' });
    const manager = await as('sales-manager');
    for (const [email, words] of [
      ['second@taken.example', /already has/],
      ['SECOND@taken.example', /already has/],
      ['nonsense', /Enter an e-mail address/],
      ['a@b.example\r\nBcc: x@y.example', /Enter an e-mail address/],
    ] as const) {
      const answer = await assertUnchanged(
        portal,
        () => editDetails(manager, ada, { email, name: 'Other', requireMfa: 'yes' }),
        email,
      );
      assert.equal(answer.status, 422);
      assert.match(answer.text, words);
      assert.match(answer.html, /id="email-error"/);
      assert.equal(valueOf(answer, 'name'), 'Other', 'what was typed is kept');
      assert.ok(boxOf(answer, 'requireMfa')?.attributes.has('checked'));
    }
  });

  it('are shown as they are now, and not overwritten, where somebody else changed them meanwhile', async () => {
    const ada = await add({ email: 'seen@stale.example' });
    const [manager, admin] = [await as('sales-manager'), await as('admin')];
    const path = pathOf(ada, '/login-details');
    const stale = await manager.get(path);
    await editDetails(admin, ada, { email: 'newer@stale.example' });
    const fields = {
      name: 'Typed on old',
      email: 'seen@stale.example',
      _csrf: valueOf(stale, '_csrf'),
      seen: valueOf(stale, 'seen'),
    };
    for (const seen of [fields.seen, '', 'x', 'x'.repeat(3000)]) {
      const answer = await assertUnchanged(
        portal,
        () => manager.submit(path, { ...fields, seen }, { hidden: false }),
        'a stale form',
      );
      assert.equal(answer.status, 422);
      assert.match(answer.text, /Somebody else changed these details.*Nothing of yours was stored/);
      assert.deepEqual([valueOf(answer, 'email'), valueOf(answer, 'name')], ['newer@stale.example', 'Ada Lovelace']);
      await assertValidHtml(answer.html);
    }
  });

  it('are stored once where several edit at the same moment, and the others are told', async () => {
    const [manager, admin] = [await as('sales-manager'), await as('admin')];
    for (const emailOf of [() => 'ada@burst.example', (index: number) => `ada${String(index)}@burst.example`]) {
      const ada = await add({ email: 'ada@burst.example' });
      const path = pathOf(ada, '/login-details');
      const seen = valueOf(await manager.get(path), 'seen');
      const answers = await burst(8, (index) => {
        const fields = { name: `Name ${String(index)}`, email: emailOf(index), seen };
        return (index % 2 === 0 ? manager : admin).clone().holdSubmit(path, fields, { from: path });
      });
      const stored = answers.flatMap(({ status }, index) => (status === 303 ? [index] : []));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [303, ...Array<number>(7).fill(422)]);
      const person = await now(ada);
      assert.deepEqual([person.name, person.email], [`Name ${String(stored[0])}`, emailOf(stored[0] ?? -1)]);
      await portal.accounts.edit(ada.id, { name: 'Done' });
      await portal.links.changeEmail(ada.id, { email: `${ada.id}@burst.example`, key: `${ada.id}@burst.example` });
    }
  });

  it('leave the Admin tab as it is where the form was opened while no company had administrators', async () => {
    const ada = await add({ companyAdmin: true });
    const manager = await as('sales-manager');
    const path = pathOf(ada, '/login-details');
    await setPolicy(portal, { companyAdmins: 'off' });
    const without = await manager.get(path);
    assert.equal(boxOf(without, 'companyAdmin'), undefined);
    await setPolicy(portal, { companyAdmins: 'manage' });
    const hidden = Object.fromEntries(without.forms.find(({ action }) => action === path)?.hidden ?? []);
    const fields = { ...hidden, name: 'Ada King', email: ada.email };
    assert.equal((await manager.submit(path, fields, { hidden: false })).status, 303);
    assert.deepEqual([(await now(ada)).name, (await now(ada)).companyAdmin], ['Ada King', true]);
    assert.ok(boxOf(await manager.get(path), 'companyAdmin')?.attributes.has('checked'));
    await editDetails(manager, ada, {});
    assert.equal((await now(ada)).companyAdmin, false, 'unticked in a form that has the box, it is taken');
    const answer = await editDetails(manager, ada, { companyAdmin: 'yes' });
    assert.equal(answer.status, 303);
    assert.equal((await now(ada)).companyAdmin, true);
    await setPolicy(portal, { companyAdmins: 'off' });
  });

  it('say nothing of the second step where the profile may not require one: not shown, refused when forged', async () => {
    const editor: Profile = {
      id: 'editor',
      name: 'Editor',
      permissions: ['customers.read', 'customers.edit'],
      masterAdmin: false,
    };
    const profiles = builtInProfiles as Profile[];
    profiles.push(editor);
    try {
      const ada = await add({ staffWord: 'required' });
      const visitor = await as('editor');
      const page = await visitor.get(pathOf(ada, '/login-details'));
      assert.equal(page.status, 200);
      assert.ok(!page.text.includes(requireLabel) && !boxOf(page, 'neverAsk'));
      for (const forged of [{ requireMfa: 'yes' }, { neverAsk: 'yes' }, { requireMfa: 'no' }]) {
        const answer = await assertUnchanged(
          portal,
          () => editDetails(visitor, ada, { name: 'Forged', ...forged }),
          'forged',
        );
        assert.equal(answer.status, 403);
      }
      await editDetails(visitor, ada, { name: 'Ada King' });
      assert.deepEqual([(await now(ada)).name, (await now(ada)).staffWord], ['Ada King', 'required']);
    } finally {
      profiles.splice(profiles.indexOf(editor), 1);
    }
  });

  it('take nothing else from the form (INJ-4)', async () => {
    const ada = await add();
    const before = await now(ada);
    await editDetails(await as('sales-manager'), ada, {
      name: 'Ada King',
      password: 'quiet harbour lantern 43',
      kind: 'staff',
      profile: 'admin',
      companyId: missingId,
      staffWord: 'exempt',
      emailConfirmed: 'true',
      sessionEpoch: '9',
      disabled: 'true',
      _id: missingId,
    });
    assert.deepEqual(await now(ada), { ...before, name: 'Ada King' });
    assert.ok(await signInByPassword(portal, ada));
  });
});
