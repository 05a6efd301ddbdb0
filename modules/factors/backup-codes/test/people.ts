import assert from 'node:assert/strict';
import { anyDriver, type Enrolled, type FactorDriver } from '../../../../test/support/driver.ts';
import type { Answer, Visitor } from '../../../../test/support/http.ts';
import { signInWith, type TestPortal } from '../../../../test/support/portal.ts';
import type { Person } from '../../../kernel/person.ts';
import { driver } from './driver.ts';

export const challenge = '/sign-in/challenge';
export const security = '/account/security';

/** Somebody signed in, with a primary factor and codes. */
export interface Member {
  person: Person;
  visitor: Visitor;
  primary: FactorDriver;
  device: Enrolled;
  paper: Enrolled & { codes: string[] };
}

/** Signs a person up for the first primary factor there is; skips the test where there is none. */
export async function withPrimary(
  portal: TestPortal,
  test: Mocha.Context,
  person?: Person,
): Promise<Omit<Member, 'paper'>> {
  const primary = await anyDriver(test);
  const added = person ?? (await portal.addPerson());
  const visitor = portal.visitor();
  await signInWith(visitor, added.email);
  const device = await primary.enrol(visitor, portal.clock.now());
  return { person: added, visitor, primary, device };
}

/** And makes codes. */
export async function withCodes(portal: TestPortal, test: Mocha.Context, person?: Person): Promise<Member> {
  const member = await withPrimary(portal, test, person);
  return { ...member, paper: await driver.enrol(member.visitor) };
}

/** A browser that has given the password and is asked for a backup code. */
export async function asked(portal: TestPortal, person: Person, visitor = portal.visitor()): Promise<Visitor> {
  assert.equal((await signInWith(visitor, person.email)).location, challenge);
  await visitor.submit('/sign-in/methods', { factor: driver.id }, { from: '/sign-in/methods' });
  return visitor;
}

export const give = (visitor: Visitor, code: string): Promise<Answer> =>
  visitor.submit(challenge, { code }, { from: challenge });

export const isIn = async (visitor: Visitor): Promise<boolean> => (await visitor.get(security)).status === 200;
