// A company behind one network address, at nine on a Monday: more messages than may leave without a code coming back.
import assert from 'node:assert/strict';
import { signInWith, withPortal } from '../../../../../test/support/portal.ts';
import { driver } from '../driver.ts';
import { asked, codeTo, give, isIn } from '../people.ts';

describe('Twenty-one colleagues behind one network address', () => {
  it('all set up their phones and sign in with their codes within a minute', () =>
    withPortal(async (portal) => {
      for (let index = 1; index <= 21; index += 1) {
        const person = await portal.addPerson();
        const owner = portal.visitor();
        await signInWith(owner, person.email);
        const { secret: number } = await driver.enrol(owner, portal.clock.now());
        portal.clock.advance({ seconds: 1 });
        const visitor = await asked(portal, person);
        assert.equal((await give(visitor, await codeTo(portal, number))).status, 303, `the ${String(index)}th`);
        assert.ok(await isIn(visitor));
        portal.clock.advance({ seconds: 1 });
      }
    }));
});
