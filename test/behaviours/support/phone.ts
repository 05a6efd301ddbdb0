// A phone, from outside: the pages that register one, and what came to it.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import type { Person } from '../../../modules/kernel/person.ts';
import { describeWithAuthenticator } from '../../attacks/support/authenticator.ts';
import { driverIds } from '../../support/driver.ts';
import type { Answer, Visitor } from '../../support/http.ts';
import type { TestPortal } from '../../support/portal.ts';
import { afterPassword, challenge, give } from './preset.ts';

/** The phone's set-up pages. */
export const phone = '/account/factors/sms';

/** A describe that is left out where there are no text messages in this copy of the portal. Staff sign in by an app. */
export function describeWithPhone(title: string, tests: () => void): void {
  if (driverIds().includes('sms')) describeWithAuthenticator(title, tests);
}

/** A mobile number that nobody else has. */
export function newNumber(): string {
  return `+49151${String(randomInt(10_000_000, 100_000_000))}`;
}

/** What came to a number, the newest first. */
export async function messagesTo(portal: TestPortal, number: string): Promise<string[]> {
  const kept = await portal.outbox.kept(1000);
  return kept.filter(({ channel, to }) => channel === 'text' && to === number).map(({ text }) => text);
}

/** The code of the newest message to a number. */
export async function newestCode(portal: TestPortal, number: string): Promise<string> {
  const [newest = ''] = await messagesTo(portal, number);
  const code = /(?<![0-9])[0-9]{6}(?![0-9])/.exec(newest)?.[0];
  assert.ok(code, `a code came to ${number}: ${newest}`);
  return code;
}

/** A code that is not this one. */
export function anotherCode(code: string): string {
  return String((Number(code) + 1) % 1_000_000).padStart(6, '0');
}

/** Saves a number on the set-up page. */
export async function save(visitor: Visitor, number: string): Promise<Answer> {
  const saved = await visitor.submit(phone, { number }, { from: `${phone}?number=other` });
  assert.equal(saved.status, 303, saved.text);
  return visitor.get(phone);
}

/** Presses "Send code". */
export async function send(visitor: Visitor): Promise<Answer> {
  const sent = await visitor.submit(`${phone}/send`, {}, { from: phone });
  assert.equal(sent.status, 303, sent.text);
  return visitor.get(phone);
}

/** Registers a phone up to the confirmed code. */
export async function register(portal: TestPortal, visitor: Visitor, number = newNumber()) {
  await save(visitor, number);
  await send(visitor);
  const done = await visitor.submit(`${phone}/confirm`, { code: await newestCode(portal, number) });
  assert.equal(done.status, 303, done.text);
  return { number, done };
}

/** Registers a phone in the forced set-up of a sign-in. */
export async function registerForced(portal: TestPortal, person: Person, number = newNumber()) {
  const { visitor, page } = await afterPassword(portal, person);
  assert.equal(page.url.pathname, phone, page.text);
  return { visitor, ...(await register(portal, visitor, number)) };
}

/** Signs in with the password and the code that comes; a minute passes first, as between any two sign-ins. */
export async function signInByText(portal: TestPortal, person: Person, number: string): Promise<Visitor> {
  portal.clock.advance({ minutes: 1 });
  const { visitor, page } = await afterPassword(portal, person);
  assert.equal(page.url.pathname, challenge, page.text);
  const answer = await give(visitor, await newestCode(portal, number));
  assert.equal(answer.status, 303, answer.text);
  assert.equal((await visitor.follow(answer)).url.pathname, '/home');
  return visitor;
}
