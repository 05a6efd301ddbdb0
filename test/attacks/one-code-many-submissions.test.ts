// The attack: somebody sees a right code (over the shoulder, through a proxy page) and sends it at the same moment as its
// owner, many times over, to every process; or keeps it and sends it again later, to any other door.
// TOTP-3, TOTP-4, RL-6.
import assert from 'node:assert/strict';
import { burst, type Answer, type Visitor } from '../support/http.ts';
import { openTestPortal, type TestPortal } from '../support/portal.ts';
import { authenticator, describeWithAuthenticator } from './support/authenticator.ts';
import {
  addMember,
  challengePath,
  codeNow,
  giveCode,
  halfway,
  isSignedIn,
  sessionCookie,
  signInFully,
} from './support/people.ts';

const many = 20;

describeWithAuthenticator('One right code, submitted many times', () => {
  let portal: TestPortal;
  let twin: TestPortal;
  before(async () => {
    portal = await openTestPortal();
    twin = await portal.twin();
  });
  after(() => portal.close());

  const isWin = (answer: Answer) => answer.status === 303 && !(answer.location ?? '').startsWith('/sign-in');

  function assertOneWin(answers: readonly Answer[]): void {
    const statuses = answers.map(({ status }) => status);
    assert.equal(answers.filter(isWin).length, 1, `won: ${statuses.join(' ')}`);
    for (const status of statuses) assert.ok([303, 403, 422, 429].includes(status), `a refusal was ${String(status)}`);
  }

  it('signs in once when one sign-in sends it twenty times to two portals on one database', async () => {
    const member = await addMember(portal);
    for (let round = 0; round < 3; round += 1) {
      portal.clock.advance({ minutes: 15 });
      const visitor = await halfway(portal, member.person);
      await visitor.get(challengePath);
      const code = codeNow(portal, member);
      const browsers = Array.from({ length: many }, (_, index) => {
        const copy = (index % 2 === 0 ? portal : twin).visitor();
        for (const [name, value] of visitor.cookies) copy.cookies.set(name, value);
        return copy;
      });
      // Each reads its own form first: the token is bound to the session, and any of them would do.
      const answers = await burst(many, (index) =>
        browsers[index]!.holdSubmit(challengePath, { code }, { from: challengePath }),
      );
      assertOneWin(answers);
      const inside = (await Promise.all(browsers.map(isSignedIn))).filter(Boolean);
      assert.equal(inside.length, 1, 'and one browser is signed in');
    }
  });

  it('signs in once when twenty sign-ins send it to two portals on one database', async () => {
    const member = await addMember(portal);
    for (let round = 0; round < 3; round += 1) {
      portal.clock.advance({ minutes: 15 });
      const browsers: Visitor[] = [];
      for (let index = 0; index < many; index += 1) {
        browsers.push(await halfway(portal, member.person, (index % 2 === 0 ? portal : twin).visitor()));
      }
      const code = codeNow(portal, member);
      const answers = await burst(many, (index) =>
        browsers[index]!.holdSubmit(challengePath, { code }, { from: challengePath }),
      );
      assertOneWin(answers);
      const inside = (await Promise.all(browsers.map(isSignedIn))).filter(Boolean);
      assert.equal(inside.length, 1, 'and one browser is signed in');
    }
  });

  it('removes one enrolment, or none, when twenty removals bring it at once', async () => {
    const member = await addMember(portal);
    const visitor = await signInFully(portal, member);
    portal.clock.advance({ seconds: 30 });
    const id = await enrolmentOf(member.person.id);
    const path = `/account/enrolments/${id}/remove`;
    const code = codeNow(portal, member);
    const answers = await burst(10, () => visitor.clone().holdSubmit(path, { code }, { from: path }));
    assert.equal(
      answers.filter((answer) => answer.status === 303 && answer.location === '/account/security').length,
      1,
    );
    for (const { status } of answers) assert.notEqual(status, 500);
  });

  it('refuses a used code in another sign-in, in the other portal, in step-up and in a removal', async () => {
    const member = await addMember(portal);
    portal.clock.advance({ seconds: 30 });
    const code = codeNow(portal, member);
    const first = await halfway(portal, member.person);
    assert.equal((await giveCode(first, code)).status, 303);

    for (const where of [portal, twin]) {
      const thief = await halfway(portal, member.person, where.visitor());
      assert.equal((await giveCode(thief, code)).status, 422);
      assert.equal(await isSignedIn(thief), false);
    }
    const id = await enrolmentOf(member.person.id);
    assert.equal((await first.submit('/account/confirm', { code }, { from: '/account/confirm' })).status, 422);
    const removal = await first.submit(
      `/account/enrolments/${id}/remove`,
      { code },
      { from: `/account/enrolments/${id}/remove` },
    );
    assert.equal(removal.status, 422);
    assert.equal(await enrolmentOf(member.person.id), id, 'the enrolment stays');
  });

  it('refuses the code that confirmed a set-up at the sign-in that follows', async () => {
    const person = await portal.addPerson({ staffWord: 'required' });
    const visitor = await halfway(portal, person);
    const device = await authenticator().enrol(visitor, portal.clock.now());
    const again = await halfway(portal, person);
    assert.equal((await giveCode(again, authenticator().code(device, portal.clock.now()))).status, 422);
    assert.equal(await isSignedIn(again), false);
  });

  it('refuses the code of an older step once a newer one was used', async () => {
    const member = await addMember(portal);
    portal.clock.advance({ seconds: 30 });
    const older = authenticator().code(member.device, new Date(portal.clock.now().getTime() - 30_000));
    const first = await halfway(portal, member.person);
    assert.equal((await giveCode(first, codeNow(portal, member))).status, 303);
    const second = await halfway(portal, member.person);
    assert.equal((await giveCode(second, older)).status, 422);
  });

  it('refuses a used code after the clock of the server was set back', async () => {
    const member = await addMember(portal);
    const first = await halfway(portal, member.person);
    const ahead = new Date(portal.clock.now().getTime() + 30_000);
    assert.equal(
      (await giveCode(first, authenticator().code(member.device, ahead))).status,
      303,
      'one step ahead is accepted',
    );
    portal.clock.advance({ minutes: -5 });
    const second = await halfway(portal, member.person);
    assert.equal((await giveCode(second, codeNow(portal, member))).status, 422);
    assert.equal(await isSignedIn(second), false);
    portal.clock.advance({ minutes: 6 });
  });

  it('takes the person from the sign-in alone: a code of one does not finish the sign-in of another, whatever is sent along', async () => {
    const [ada, eve] = [await addMember(portal), await addMember(portal)];
    const visitor = await halfway(portal, ada.person);
    const cookie = sessionCookie(visitor);
    const others = { userId: eve.person.id, personId: eve.person.id, email: eve.person.email, _id: eve.person.id };
    const answer = await visitor.submit(
      challengePath,
      { code: codeNow(portal, eve), ...others },
      { from: challengePath },
    );
    assert.equal(answer.status, 422);
    assert.equal(sessionCookie(visitor), cookie, 'and nothing moved on');
    const right = await visitor.submit(
      challengePath,
      { code: codeNow(portal, ada), ...others },
      { from: challengePath },
    );
    assert.equal(right.status, 303);
    assert.match((await visitor.get('/account/security')).html, new RegExp(ada.person.email));
  });

  async function enrolmentOf(personId: string): Promise<string> {
    const [row] = await portal.engine.enrolments.activeOf(personId);
    return row?._id.toHexString() ?? '';
  }
});
