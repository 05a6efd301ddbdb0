import assert from 'node:assert/strict';
import type { Answer, Visitor } from '../../../../test/support/http.ts';
import { signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import type { Person } from '../../../kernel/person.ts';
import { driver, messagesTo } from './driver.ts';

export const challenge = '/sign-in/challenge';
export const security = '/account/security';
export const setUp = '/account/factors/sms';

/** Somebody with a phone, and the browser they set it up in. */
export interface PhoneOwner {
  person: Person;
  visitor: Visitor;
  number: string;
}

/** Sets a phone up for a new person, of a while ago: no message of it counts any more. */
export async function withPhone(portal: TestPortal, person?: Person): Promise<PhoneOwner> {
  const added = person ?? (await portal.addPerson());
  const visitor = portal.visitor();
  await signInWith(visitor, added.email);
  const { secret } = await driver.enrol(visitor, portal.clock.now());
  portal.clock.advance({ minutes: 61 });
  return { person: added, visitor, number: secret };
}

/** A browser that has given the password and is asked for the code of a message. */
export async function asked(portal: TestPortal, person: Person, visitor = portal.visitor()): Promise<Visitor> {
  assert.equal((await signInWith(visitor, person.email)).location, challenge);
  return visitor;
}

/** Signed in with the code of a message: what a while ago was proven is stale by now. */
export async function signedIn(portal: TestPortal, { person, number }: PhoneOwner): Promise<Visitor> {
  const visitor = await asked(portal, person);
  assert.equal((await give(visitor, await codeTo(portal, number))).status, 303);
  portal.clock.advance({ minutes: 6 });
  return visitor;
}

/** How many messages went to a number, by the development outbox. */
export async function countTo(portal: TestPortal, number: string): Promise<number> {
  return (await messagesTo(number, portal.visitor())).length;
}

/** The code of the newest message to a number. */
export function codeTo(portal: TestPortal, number: string): Promise<string> {
  return driver.code({ secret: number }, portal.clock.now(), portal.visitor());
}

/** A code that is not this one. */
export function anotherCode(code: string, by = 1): string {
  return String((Number(code) + by) % 1_000_000).padStart(6, '0');
}

export const give = (visitor: Visitor, code: string): Promise<Answer> =>
  visitor.submit(challenge, { code }, { from: challenge });

/** Presses "Send a new code" on the challenge page. */
export const sendAgain = (visitor: Visitor): Promise<Answer> =>
  visitor.submit(challenge, { begin: 'yes' }, { from: challenge });

export const isIn = async (visitor: Visitor): Promise<boolean> => (await visitor.get(security)).status === 200;
