import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlainError } from '../../kernel/plain-error.ts';
import type { Companies } from '../../accounts/companies.ts';
import type { Accounts, NewPerson } from '../../accounts/people.ts';
import { emailKey } from '../../accounts/passwords/email.ts';
import type { PasswordHasher } from '../../accounts/passwords/password-hasher.ts';
import type { SetUp } from '../../accounts/set-up.ts';
import type { Engine } from '../../mfa/engine.ts';
import { patternOf, seedNumberedContacts, type ContactPattern, type NumberedContacts } from './demo-contacts.ts';
import { companyNames, examples, type Example } from './demo-examples.ts';
import { seedFactors } from './demo-factors.ts';

/** What the demo needs of a portal. */
export interface DemoPortal {
  accounts: Accounts;
  companies: Companies;
  hasher: PasswordHasher;
  engine: Engine;
  setUp: SetUp;
}

/** One seeded person, with all that somebody needs to sign in as them. */
export interface DemoPerson {
  kind: 'staff' | 'contact';
  profile: string | null;
  company: string | null;
  name: string;
  email: string;
  password: string;
  /** In words: required and enrolled, say. */
  state: string;
  totpSecret: string | null;
  backupCodes: string[];
}

/** A folder for one run of the demo, and the function that removes it. */
export function throwAwayFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-demo-'));
  return {
    folder,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** How many contacts by number are wanted. */
export function contactsWanted(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new PlainError(`--contacts takes a whole number, not "${text}".`);
  return Number(text);
}

/** Everybody in a demo: the people on the list, and where they were asked for, contacts by number. */
export interface Demo {
  people: DemoPerson[];
  numbered: NumberedContacts | null;
}

/**
 * Fills an empty portal with the example: two companies, six contacts, one of each staff profile, and as many contacts by number as
 * are wanted. Passwords and secrets are new in each demo and kept beside the data, so that a second start prints the same.
 * Throws where the portal already has other people.
 */
export async function seedDemo(
  portal: DemoPortal,
  dataDir: string,
  options: { contacts: number; note(text: string): void } = { contacts: 0, note: () => undefined },
): Promise<Demo> {
  const file = join(dataDir, 'demo.json');
  const keep = (demo: Demo): void => {
    writeFileSync(file, `${JSON.stringify(demo, null, 2)}\n`, { mode: 0o600 });
  };
  let demo: Demo;
  if (existsSync(file)) demo = JSON.parse(readFileSync(file, 'utf8')) as Demo;
  else {
    demo = { people: await seedPeople(portal), numbered: null };
    keep(demo);
  }
  const { key, count } = demo.numbered ?? { key: newKey(3), count: 0 };
  if (count >= options.contacts) return demo;
  await seedNumberedContacts(
    portal,
    { key, count: options.contacts },
    {
      first: count + 1,
      // After each company: whatever ends the seeding, those that are there can be used.
      made: (made) => {
        demo = { ...demo, numbered: { key, count: made } };
        keep(demo);
        options.note(`${String(made)} of ${String(options.contacts)} contacts`);
      },
    },
  );
  return demo;
}

async function seedPeople(portal: DemoPortal): Promise<DemoPerson[]> {
  if (await portal.accounts.hasStaff())
    throw new PlainError(
      'This portal already has people: the demo fills an empty folder or database only. If an earlier demo was interrupted, remove its folder.',
    );
  const companies = new Map<string, { id: string; name: string }>();
  for (const name of companyNames) companies.set(name, await portal.companies.create(name));
  const people: DemoPerson[] = [];
  for (const example of examples) people.push(await seedPerson(portal, example, companies.get(example.company ?? '')));
  await portal.setUp.close();
  return people;
}

async function seedPerson(
  portal: DemoPortal,
  example: Example,
  company: { id: string; name: string } | undefined,
): Promise<DemoPerson> {
  const password = newKey(4);
  const row: NewPerson = {
    kind: example.kind,
    name: example.name,
    email: example.email,
    emailKey: emailKey(example.email),
    password: await portal.hasher.hash(password),
    passwordShort: false,
    disabled: example.disabled ?? false,
    ...(company ? { company } : {}),
    ...(example.profile === undefined ? {} : { profile: example.profile }),
    ...(example.staffWord === undefined ? {} : { staffWord: example.staffWord }),
  };
  const person = await portal.accounts.create(row);
  const device = example.enrolled ? await seedFactors(portal.engine, person) : {};
  return {
    kind: example.kind,
    profile: example.profile ?? null,
    company: company?.name ?? null,
    name: example.name,
    email: example.email,
    password,
    state: example.state,
    totpSecret: null,
    backupCodes: [],
    ...device,
  };
}

const letters = 'abcdefghjkmnpqrstuvwxyz23456789';

function newKey(groups: number): string {
  const group = () => Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join('');
  return Array.from({ length: groups }, group).join('-');
}

/** The example for programs. */
export function reportDemo({ people, numbered }: Demo): { people: DemoPerson[]; pattern: ContactPattern | null } {
  return { people, pattern: numbered && patternOf(numbered) };
}

/** The example as a table for people to read. */
export function describeDemo(demo: Demo, url: string): string {
  const { people, pattern } = reportDemo(demo);
  const lines = people.map((person) => {
    const who = person.kind === 'staff' ? (person.profile ?? '') : `${person.company ?? ''}: ${person.state}`;
    return [
      `  ${person.name} (${who})`,
      `    e-mail    ${person.email}`,
      `    password  ${person.password}`,
      ...(person.totpSecret === null ? [] : [`    app key   ${person.totpSecret}`]),
      ...(person.backupCodes.length === 0 ? [] : [`    codes     ${person.backupCodes.join('  ')}`]),
    ].join('\n');
  });
  if (pattern) lines.push(describePattern(pattern));
  return `The example portal is ready: ${url}\n\n${lines.join('\n\n')}\n`;
}

function describePattern({ numbers, email, password, totpSecretText }: ContactPattern): string {
  return [
    `  Contacts ${String(numbers.first)} to ${String(numbers.last)} (enrolled; {number} is the contact's number)`,
    `    e-mail    ${email}`,
    `    password  ${password}`,
    `    app key   base32 of the SHA-1 of ${totpSecretText}`,
  ].join('\n');
}
