// The attack: a signed-in person puts the id of somebody else's enrolment into an address, or ids that are none, and looks for a
// difference between "not yours" and "not there".
// AZ-2, SES-5.
import assert from 'node:assert/strict';
import { openTestPortal, type TestPortal } from '../support/portal.ts';
import type { Visitor } from '../support/http.ts';
import { describeWithAuthenticator } from './support/authenticator.ts';
import { assertUnchanged } from './support/database.ts';
import { addMember, codeNow, signInFully, type Member } from './support/people.ts';
import { missingId } from './support/routes.ts';

describeWithAuthenticator('Another person’s enrolment', () => {
  let portal: TestPortal;
  let mine: Member;
  let visitor: Visitor;
  let theirs: string;
  let own: string;
  before(async () => {
    portal = await openTestPortal();
    mine = await addMember(portal);
    const other = await addMember(portal, { name: 'Grace Hopper' });
    const idOf = async (member: Member) =>
      (await portal.engine.enrolments.activeOf(member.person.id))[0]?._id.toHexString() ?? '';
    [own, theirs] = [await idOf(mine), await idOf(other)];
    visitor = await signInFully(portal, mine);
  });
  after(() => portal.close());

  const plain = (html: string) => html.replace(/name="_csrf" value="[^"]*"/g, '');

  it('is answered like one that is not there, by every page and form', async () => {
    portal.clock.advance({ seconds: 30 });
    const token = (await visitor.get('/account/security')).forms[0]?.hidden.get('_csrf') ?? '';
    const ids = [
      theirs,
      missingId,
      'x',
      '0',
      '1'.repeat(23),
      '1'.repeat(25),
      theirs.toUpperCase(),
      '$ne',
      '[object Object]',
      '%7B%22$ne%22:1%7D',
      '%F0%9F%98%80',
      'constructor',
      '__proto__',
    ];
    for (const action of ['rename', 'remove']) {
      const missing = await visitor.get(`/account/enrolments/${missingId}/${action}`);
      assert.equal(missing.status, 404);
      for (const id of ids) {
        const path = `/account/enrolments/${id}/${action}`;
        await assertUnchanged(
          portal,
          async () => {
            const page = await visitor.get(path);
            assert.equal(page.status, 404, path);
            assert.equal(plain(page.html), plain(missing.html), path);
            const sent = await visitor.submit(
              path,
              { name: 'Mine now', code: codeNow(portal, mine), _csrf: token },
              { hidden: false },
            );
            assert.equal(sent.status, 404, `POST ${path}`);
            assert.equal(plain(sent.html), plain(missing.html), `POST ${path}`);
          },
          path,
        );
      }
    }
  });

  it('is not reached by naming it in the body or the query of one’s own', async () => {
    const path = `/account/enrolments/${own}/rename`;
    const answer = await visitor.submit(
      path,
      { name: 'Work phone', id: theirs, _id: theirs, personId: 'x' },
      { from: path },
    );
    assert.equal(answer.status, 303);
    const token = (await visitor.get(path)).forms.find((form) => form.action === path)?.hidden.get('_csrf') ?? '';
    await visitor.submit(`${path}?id=${theirs}`, { name: 'Work phone 2', _csrf: token }, { hidden: false });
    const rows = await portal.database.connection.collection('enrolments').find().toArray();
    const names = new Map(rows.map((row) => [String(row._id), String(row['name'])]));
    assert.doesNotMatch(names.get(theirs) ?? '', /Work/);
    assert.match(names.get(own) ?? '', /Work phone/);
  });
});
