// Customers of a portal that sends by a real Kannel: their phones, and what they do on the pages.
import assert from 'node:assert/strict';
import { codeNow, giveAuthenticator, type Member } from '../../../../../test/attacks/support/people.ts';
import type { Answer, Visitor } from '../../../../../test/support/http.ts';
import { signInWith, type TestPortal } from '../../../../../test/support/portal.ts';
import type { KannelProcess } from '../gateways/kannel-process.ts';
import type { Person } from '../../../../kernel/person.ts';
import { challenge, give, setUp } from '../people.ts';
import { Handset } from './ground.ts';

/** Somebody whose codes come to a phone. */
export interface Owner {
  person: Person;
  handset: Handset;
}

/** Types a number into the set-up, and asks for its code. */
export async function askForCodeTo(visitor: Visitor, number: string): Promise<Answer> {
  const saved = await visitor.submit(setUp, { number }, { from: `${setUp}?number=other` });
  assert.equal(saved.status, 303, saved.text);
  return visitor.follow(await visitor.submit(`${setUp}/send`, {}, { from: setUp }));
}

/** Sets a phone up by the pages, with the code that comes. */
export async function addOwner(
  portal: TestPortal,
  kannel: KannelProcess,
  at: { person?: Person; handset?: Handset } = {},
): Promise<Owner> {
  const { person = await portal.addPerson(), handset = new Handset(kannel) } = at;
  const visitor = portal.visitor();
  await signInWith(visitor, person.email);
  await askForCodeTo(visitor, handset.number);
  const done = await visitor.submit(`${setUp}/confirm`, { code: await handset.code() }, { from: setUp });
  assert.equal(done.status, 303, done.text);
  return { person, handset };
}

/** Gives a phone’s owner an app too, from some other day. */
export async function addApp(portal: TestPortal, owner: Owner): Promise<Owner & Member> {
  return { ...owner, device: await giveAuthenticator(portal, owner.person) };
}

/** What somebody sees, and how long they waited for it. */
export interface Asked {
  visitor: Visitor;
  page: Answer;
  tookMs: number;
}

/** Gives the password; a message is to leave in that POST, or in the one that chooses text messages. */
export async function askByText(
  portal: TestPortal,
  { person }: Pick<Owner, 'person'>,
  visitor: Visitor = portal.visitor(),
): Promise<Asked> {
  const begin = performance.now();
  let page = await visitor.follow(await signInWith(visitor, person.email));
  assert.equal(page.url.pathname, challenge, page.text);
  // Who has an app is asked for its code first.
  if (page.text.includes('Get a code by text message'))
    page = await visitor.follow(await visitor.submit('/sign-in/methods', {}, { from: challenge }));
  return { visitor, page, tookMs: performance.now() - begin };
}

/** Presses "Send a new code". */
export async function pressAgain(visitor: Visitor): Promise<Answer> {
  return visitor.follow(await visitor.submit(challenge, { begin: 'yes' }, { from: challenge }));
}

/** Gives the code of the next message, and is in. */
export async function answerByText(visitor: Visitor, handset: Handset): Promise<void> {
  await assertIn(visitor, await give(visitor, await handset.code()));
}

/** Leaves the text message alone and answers with the app, and is in. */
export async function answerByApp(portal: TestPortal, visitor: Visitor, member: Member): Promise<void> {
  portal.clock.advance({ seconds: 30 });
  const moved = await visitor.submit('/sign-in/methods', {}, { from: challenge });
  assert.equal(moved.location, challenge, moved.text);
  await assertIn(visitor, await give(visitor, codeNow(portal, member)));
}

async function assertIn(visitor: Visitor, answer: Answer): Promise<void> {
  assert.equal(answer.status, 303, answer.text);
  assert.equal((await visitor.follow(answer)).url.pathname, '/home');
}
