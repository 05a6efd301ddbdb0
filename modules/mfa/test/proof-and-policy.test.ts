// What a proof is good for when the policy moves underneath it.
import assert from 'node:assert/strict';
import { authenticatorId, describeWithAuthenticator } from '../../../test/attacks/support/authenticator.ts';
import {
  addMember,
  codeNow,
  giveAuthenticator,
  giveCode,
  halfway,
  isSignedIn,
  signInFully,
} from '../../../test/attacks/support/people.ts';
import { driverIds, driverOf } from '../../../test/support/driver.ts';
import { burst, type Fields, type HeldRequest, type Visitor } from '../../../test/support/http.ts';
import { setPolicy } from '../../../test/support/policy.ts';
import { openTestPortal, password, signInWith, type TestPortal } from '../../../test/support/portal.ts';
import { freshPolicies } from '../policy/policy.ts';

const done = '/sign-in/done';

describeWithAuthenticator('A proof, and the policy that it was given for', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());
  afterEach(() => setPolicy(portal, freshPolicies.contact));

  const activeOf = async ({ id }: { id: string }) => portal.engine.enrolments.activeOf(id);

  async function recoveryId(test: Mocha.Context): Promise<string> {
    for (const id of driverIds()) if ((await driverOf(id)).role === 'recovery') return id;
    test.skip();
  }

  it('the last page of a sign-in lets nobody in whose proof counts no longer', async function () {
    const recovery = await recoveryId(this);
    await setPolicy(portal, { mode: 'required', factors: { [recovery]: { mandatory: true } } });
    const member = await addMember(portal);
    const visitor = await halfway(portal, member.person);
    assert.equal((await giveCode(visitor, codeNow(portal, member))).location, done);
    await visitor.get(done);
    await setPolicy(portal, { enrolmentEpoch: 1 });
    await visitor.submit(done);
    assert.equal(await isSignedIn(visitor), false, 'everybody is to enrol anew');
  });

  it('a trusted browser does not spare the recovery factor that everybody must have', async function () {
    const recovery = await recoveryId(this);
    await setPolicy(portal, { mode: 'required', trustedDeviceDays: 20 });
    const member = await addMember(portal);
    const visitor = await halfway(portal, member.person);
    const fields = { code: codeNow(portal, member), trust: 'yes' };
    await visitor.submit('/sign-in/challenge', fields, { from: '/sign-in/challenge' });
    const back = portal.visitor();
    for (const [name, value] of visitor.cookies) if (name.endsWith('-trust')) back.cookies.set(name, value);
    assert.equal(back.cookies.size, 1);
    await setPolicy(portal, { factors: { [recovery]: { mandatory: true } } });
    assert.equal((await signInWith(back, member.person.email)).location, '/sign-in/challenge');
  });

  it('a set-up that was begun before everybody had to enrol anew is over', async () => {
    await setPolicy(portal, { mode: 'required' });
    const person = await portal.addPerson();
    const visitor = await halfway(portal, person);
    const late = rightBefore('confirm', visitor, () => setPolicy(portal, { enrolmentEpoch: 2 }));
    await (await driverOf(authenticatorId)).enrol(late, portal.clock.now()).catch(() => undefined);
    assert.equal(await isSignedIn(visitor), false);
    assert.deepEqual(await activeOf(person), []);
  });

  it('set-ups that are confirmed at one moment stay within the limit', async () => {
    const member = await addMember(portal);
    await giveAuthenticator(portal, member.person);
    const visitors = [await signInFully(portal, member), await signInFully(portal, member)];
    const confirms: { path: string; fields: Fields }[] = [];
    for (const visitor of visitors) {
      const client = {
        get: (path: string) => visitor.get(path),
        submit: async (path: string, fields: Fields = {}, options = {}) => {
          if (!path.endsWith('/confirm')) return visitor.submit(path, fields, options);
          confirms.push({ path, fields });
          return { status: 303 };
        },
      };
      await (await driverOf(authenticatorId)).enrol(client as unknown as Visitor, portal.clock.now());
    }
    await burst(2, (index): Promise<HeldRequest> => {
      const { path, fields } = confirms[index] ?? { path: '', fields: {} };
      const visitor = visitors[index] ?? portal.visitor();
      return visitor.holdSubmit(path, fields, { from: path.replace('/confirm', '') });
    });
    assert.equal((await activeOf(member.person)).length, 3);
  });

  it('a factor taken away with the password alone is no fresh proof by a factor', async () => {
    await setPolicy(portal, { disableProof: 'password' });
    const member = await addMember(portal);
    await giveAuthenticator(portal, member.person);
    const visitor = await signInFully(portal, member);
    const [kept, gone] = (await activeOf(member.person)).map(({ _id }) => _id.toHexString());
    portal.clock.advance({ minutes: 6 });
    const removal = `/account/enrolments/${gone ?? ''}/remove`;
    assert.equal((await visitor.submit(removal, { password }, { from: removal })).status, 303);
    const answer = await visitor.get(`/account/enrolments/${kept ?? ''}/replace`);
    assert.match(
      answer.location ?? '',
      /^\/account\/confirm/,
      'a stolen session and a password choose no other factor',
    );
  });
});

/** A browser in which something happens right before a form is sent. */
function rightBefore(end: string, visitor: Visitor, act: () => Promise<unknown>) {
  return {
    get: (path: string) => visitor.get(path),
    submit: async (...args: Parameters<Visitor['submit']>) => {
      if (args[0].endsWith(end)) await act();
      return visitor.submit(...args);
    },
  };
}
