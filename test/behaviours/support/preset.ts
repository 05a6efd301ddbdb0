// A portal under one of the presets, put in force as a Master Admin does, and what people of it do and see.
import assert from 'node:assert/strict';
import type { Person } from '../../../modules/kernel/person.ts';
import type { PresetName } from '../../../modules/mfa/policy/policy.ts';
import { decodeEntities } from '../../support/html.ts';
import type { Answer, Visitor } from '../../support/http.ts';
import { openTestPortal, signInWith, type TestPortal, type TestPortalOptions } from '../../support/portal.ts';
import { totpCode } from '../../support/rfc-totp.ts';
import { staffOf } from '../../../modules/portal/staff/test/pages.ts';

export { editDetails, linksOf, pathOf, tokenOf, valueOf } from '../../../modules/portal/staff/test/pages.ts';

/** The app's set-up pages. */
export const app = '/account/factors/totp';
export const codes = '/account/factors/backup-codes';
export const challenge = '/sign-in/challenge';

export interface PresetPortal {
  portal: TestPortal;
  /** A member of staff by profile, with a fresh proof. */
  as: (profile: string) => Promise<Visitor>;
}

/** Opens a portal and chooses the preset on the Settings pages. */
export async function openUnder(preset: PresetName, options: TestPortalOptions = {}): Promise<PresetPortal> {
  const portal = await openTestPortal(options);
  const as = staffOf(portal);
  const master = await as('master-admin');
  const preview = await master.submit('/staff/settings/policy/preview', { preset }, { from: '/staff/settings/policy' });
  assert.equal(preview.status, 200, preview.text);
  const saved = await master.submit('/staff/settings/contact/save');
  assert.equal(saved.status, 303, saved.text);
  assert.equal((await portal.engine.policies.of('contact')).preset, preset);
  return { portal, as };
}

/** Signs in with the password, and follows to the page that comes next. */
export async function afterPassword(portal: TestPortal, person: Person, visitor: Visitor = portal.visitor()) {
  return { visitor, page: await visitor.follow(await signInWith(visitor, person.email)) };
}

/** The key that a set-up page shows for typing. */
export function keyOn(page: Answer): string {
  const shown = /id="secret-key"[^>]*>([\s\S]*?)<\/p>/.exec(page.html)?.[1] ?? '';
  const key = shown.replace(/<[^>]*>|\s/g, '');
  assert.match(key, /^[A-Z2-7]{32}$/, page.text);
  return key;
}

/** The key in the address that a phone opens, and that the QR code holds. */
export function uriOn(page: Answer): string {
  return decodeEntities(/href="(otpauth:[^"]+)"/.exec(page.html)?.[1] ?? '');
}

/** What the app shows for a key; half a minute passes first, so that the code was not used. */
export function nextCode(portal: TestPortal, secret: string): string {
  portal.clock.advance({ seconds: 30 });
  return totpCode({ secret, at: portal.clock.now() });
}

/** What a challenge, or a proof on another page, makes of a code. */
export function give(visitor: Visitor, code: string): Promise<Answer> {
  return visitor.submit(challenge, { code }, { from: challenge });
}

/** Enrols by the forced set-up of a sign-in whose code ends it. */
export async function enrolForced(portal: TestPortal, person: Person) {
  const { visitor, page } = await afterPassword(portal, person);
  assert.equal(page.url.pathname, app, page.text);
  const secret = keyOn(page);
  const done = await visitor.submit(`${app}/confirm`, { code: nextCode(portal, secret) });
  assert.equal(done.status, 303, done.text);
  return { visitor, secret, done };
}

/** Enrols from the security page, signed in. */
export async function enrolFreely(portal: TestPortal, visitor: Visitor): Promise<string> {
  await visitor.submit(app, {}, { from: app });
  const secret = keyOn(await visitor.get(`${app}?show=key`));
  const done = await visitor.submit(`${app}/confirm`, { code: nextCode(portal, secret) });
  assert.equal(done.location, '/account/security', done.text);
  return secret;
}

/** Signs in with password and code; fails where anything else is asked. */
export async function signInWithCode(portal: TestPortal, person: Person, secret: string): Promise<Visitor> {
  const { visitor, page } = await afterPassword(portal, person);
  assert.equal(page.url.pathname, challenge, page.text);
  const answer = await give(visitor, nextCode(portal, secret));
  assert.equal(answer.status, 303, answer.text);
  assert.match((await visitor.follow(answer)).text, /Hello, /);
  return visitor;
}

/** True where the password alone signs the person in. */
export async function signsInByPassword(portal: TestPortal, person: Person): Promise<boolean> {
  return (await afterPassword(portal, person)).page.url.pathname === '/home';
}

/** Pages of the portal that must stay shut, and API-like addresses too. */
export const portalPages = [
  '/home',
  '/account/security',
  '/account/sessions',
  '/account/password',
  '/account/preferences',
  '/company',
  '/staff',
  '/staff/customers.json',
];

/** Ticks or unticks the one switch, as staff do. */
export async function setSwitch(master: Visitor, on: boolean): Promise<void> {
  const path = '/staff/settings/portal';
  const saved = await master.submit(path, on ? { required: 'yes' } : {}, { from: path });
  assert.equal(saved.status, 303, saved.text);
}

/** Resets a person's factors on the page for it. */
export async function reset(staff: Visitor, person: Person): Promise<Answer> {
  const path = `/staff/contacts/${person.id}/reset-mfa`;
  const answer = await staff.submit(path, { reason: 'Called back on the known number' }, { from: path });
  assert.equal(answer.status, 303, answer.text);
  return answer;
}

/** The person as the database has them, with their enrolments: to compare before and after. */
export async function stored(portal: TestPortal, person: Person): Promise<string> {
  const rows = await portal.engine.enrolments.activeOf(person.id);
  return JSON.stringify([await portal.accounts.byId(person.id), rows]);
}
