// Everybody is asked to set their phone up anew: what the one before guarded by must not be forgotten (SMS-7).
import assert from 'node:assert/strict';
import { authenticatorId } from '../../../../test/attacks/support/authenticator.ts';
import { describeWithPhone, messagesTo, newNumber, registerForced } from '../../../../test/behaviours/support/phone.ts';
import { setPolicy } from '../../../../test/support/policy.ts';
import { openTestPortal, type TestPortal } from '../../../../test/support/portal.ts';

describeWithPhone('A phone that is set up anew because everybody is asked to', () => {
  let portal: TestPortal;
  beforeEach(async () => {
    portal = await openTestPortal();
    await setPolicy(portal, {
      mode: 'required',
      factors: { [authenticatorId]: { enabled: false }, sms: { enabled: true } },
    });
  });
  afterEach(() => portal.close());

  const goneTexts = async (number: string) =>
    (await messagesTo(portal, number)).filter((text) => text.includes('this number gets no more codes')).length;

  async function setUpTwice(numbers: readonly [string, string]): Promise<number> {
    const ada = await portal.addPerson({ staffWord: 'required' });
    await registerForced(portal, ada, numbers[0]);
    const { policy } = await portal.engine.policies.current('contact');
    await setPolicy(portal, { enrolmentEpoch: policy.enrolmentEpoch + 1 });
    portal.clock.advance({ minutes: 61 });
    await registerForced(portal, ada, numbers[1]);
    return (await portal.engine.enrolments.activeOf(ada.id)).length;
  }

  it('takes the place of the one before, whose number is told', async () => {
    const [old, next] = [newNumber(), newNumber()];
    assert.equal(await setUpTwice([old, next]), 1);
    assert.deepEqual([await goneTexts(old), await goneTexts(next)], [1, 0]);
  });

  it('says nothing to the number where it is the same', async () => {
    const number = newNumber();
    assert.equal(await setUpTwice([number, number]), 1);
    assert.equal(await goneTexts(number), 0);
  });
});
