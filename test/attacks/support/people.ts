import assert from 'node:assert/strict';
import type { NewPerson } from '../../../modules/accounts/people.ts';
import type { Person } from '../../../modules/kernel/person.ts';
import type { Answer, Visitor } from '../../support/http.ts';
import { password, signInWith, type TestPortal } from '../../support/portal.ts';
import type { Enrolled } from '../../support/driver.ts';
import { authenticator, authenticatorId } from './authenticator.ts';

/** Somebody with an authenticator app, and the app. */
export interface Member {
  person: Person;
  device: Enrolled;
}

export const challengePath = '/sign-in/challenge';

/** A person whose authenticator was set up some other day: no code of it is used yet. */
export async function addMember(portal: TestPortal, person: Partial<NewPerson> = {}): Promise<Member> {
  const added = await portal.addPerson(person);
  return { person: added, device: await giveAuthenticator(portal, added) };
}

/** Sets one more authenticator up, without any page. */
export async function giveAuthenticator(portal: TestPortal, person: Person): Promise<Enrolled> {
  // As they are now: what was set up since they were read ended the sign-ins of then.
  const now = (await portal.accounts.byId(person.id)) ?? person;
  const seeded = await portal.engine.factors.get(authenticatorId)?.running.seed?.(now);
  const secret = seeded?.['totpSecret'];
  if (typeof secret !== 'string') throw new Error('The factor can set nothing up for a test.');
  return { secret };
}

/** The code that the person's app shows now. */
export function codeNow(portal: TestPortal, { device }: Member): string {
  return authenticator().code(device, portal.clock.now());
}

/** A code that is wrong now and for minutes around. */
export function wrongCode(portal: TestPortal, { device }: Member): string {
  return authenticator().wrongCode(device, portal.clock.now());
}

/** A browser in which the password was given, and nothing else. */
export async function halfway(
  portal: TestPortal,
  person: Person,
  visitor: Visitor = portal.visitor(),
): Promise<Visitor> {
  const answer = await signInWith(visitor, person.email);
  assert.equal(answer.status, 303, answer.text);
  assert.match(answer.location ?? '', /^\/sign-in\//, 'the password alone must not be enough here');
  return visitor;
}

/** Chooses the app in a forced set-up, where there is a choice; its set-up begins with that. */
export async function chooseApp(visitor: Visitor): Promise<Answer> {
  const path = '/sign-in/enrol';
  const page = await visitor.get(path);
  if (page.status === 200) await visitor.submit(path, { factor: authenticatorId }, { from: path });
  return visitor.get(`/account/factors/${authenticatorId}`);
}

/** Types a code into the challenge page. */
export function giveCode(visitor: Visitor, code: string): Promise<Answer> {
  return visitor.submit(challengePath, { code }, { from: challengePath });
}

/** Both steps. Half a minute passes first, so that the app shows a code that was not used. */
export async function signInFully(
  portal: TestPortal,
  member: Member,
  visitor: Visitor = portal.visitor(),
): Promise<Visitor> {
  portal.clock.advance({ seconds: 30 });
  await halfway(portal, member.person, visitor);
  const answer = await giveCode(visitor, codeNow(portal, member));
  assert.equal(answer.status, 303, answer.text);
  assert.ok(await isSignedIn(visitor), 'the right code signs in');
  return visitor;
}

/** Signs in somebody who is asked for a password alone. */
export async function signInByPassword(
  portal: TestPortal,
  person: Person,
  visitor: Visitor = portal.visitor(),
): Promise<Visitor> {
  const answer = await signInWith(visitor, person.email, password);
  assert.equal(answer.status, 303, answer.text);
  assert.ok(await isSignedIn(visitor), 'the password alone is enough here');
  return visitor;
}

/** True where the browser opens a page that only the signed-in may see. */
export async function isSignedIn(visitor: Visitor): Promise<boolean> {
  return (await visitor.get('/account/security')).status === 200;
}

/** The session cookie as the browser holds it. */
export function sessionCookie(visitor: Visitor): string | undefined {
  return visitor.cookies.get('gatehouse') ?? visitor.cookies.get('__Host-gatehouse');
}
