import { createHash } from 'node:crypto';
import { emailKey } from '../../accounts/passwords/email.ts';
import type { DemoPortal } from './demo.ts';
import { seedPrimaryFactor } from './demo-factors.ts';

/** Contacts of whom there is no list: all there is to know follows from a number and a key, which is new in each demo. */
export interface NumberedContacts {
  key: string;
  /** There are those from 1 to this one. */
  count: number;
}

/** How to sign in as any of them; in each text `{number}` stands for the number of the contact. */
export interface ContactPattern {
  numbers: { first: number; last: number };
  email: string;
  password: string;
  /** What the app secret is made of: the base32 of its SHA-1. */
  totpSecretText: string;
  explanation: string;
  example: { number: number; email: string; password: string };
}

/** One of them, with what signing in takes. */
export interface NumberedContact {
  email: string;
  password: string;
  secret: Buffer;
}

const companySize = 50;
// More than are hashed at a time, so that no core waits for the database.
const atATime = 16;
const place = '{number}';

/** How to sign in as one of the numbered contacts, in words that a script can be written from. */
export function patternOf({ key, count }: NumberedContacts): ContactPattern {
  const texts = {
    email: `contact-${place}@numbered.example`,
    password: `${key}-${place}`,
    totpSecretText: `app-${key}-${place}`,
  };
  const { email, password } = numberedContact(texts, 1);
  return {
    numbers: { first: 1, last: count },
    ...texts,
    explanation: [
      `${place} is a whole number from 1 to ${String(count)}, in decimal and without leading zeros.`,
      'email and password are these texts with the number put in.',
      'The app secret is the base32 (RFC 4648, upper case, no padding) of the 20 bytes of the SHA-1 of totpSecretText with the number put in, as UTF-8.',
      'Codes are those of RFC 6238 with SHA-1, 6 digits and steps of 30 seconds; each contact can use each step once.',
      `Every one of them is enrolled, and optionally so. A company has up to ${String(companySize)} of them.`,
    ].join(' '),
    example: { number: 1, email, password },
  };
}

/** The contact that a number stands for. */
export function numberedContact(
  texts: Pick<ContactPattern, 'email' | 'password' | 'totpSecretText'>,
  number: number,
): NumberedContact {
  const fill = (text: string) => text.replaceAll(place, String(number));
  return {
    email: fill(texts.email),
    password: fill(texts.password),
    secret: createHash('sha1').update(fill(texts.totpSecretText), 'utf8').digest(),
  };
}

/** Adds the contacts from `first` to the last one, company by company; tells after each how many there are. */
export async function seedNumberedContacts(
  portal: DemoPortal,
  contacts: NumberedContacts,
  options: { first: number; made(count: number): void },
): Promise<void> {
  const pattern = patternOf(contacts);
  for (let first = options.first; first <= contacts.count; first += companySize) {
    const company = await portal.companies.create(companyName(first));
    const last = Math.min(first + companySize - 1, contacts.count);
    let next = first;
    const work = async (): Promise<void> => {
      for (let number = next++; number <= last; number = next++) await seedOne(portal, pattern, { number, company });
    };
    await Promise.all(Array.from({ length: atATime }, work));
    options.made(last);
  }
}

async function seedOne(
  portal: DemoPortal,
  pattern: ContactPattern,
  { number, company }: { number: number; company: { id: string; name: string } },
): Promise<void> {
  const { email, password, secret } = numberedContact(pattern, number);
  const person = await portal.accounts.create({
    kind: 'contact',
    name: personName(number),
    email,
    emailKey: emailKey(email),
    password: await portal.hasher.hash(password),
    passwordShort: false,
    company,
  });
  await seedPrimaryFactor(portal.engine, person, { secret });
}

const firstNames = [
  'Ada',
  'Bela',
  'Carla',
  'Deniz',
  'Emil',
  'Fanny',
  'Goran',
  'Hana',
  'Ivo',
  'Jana',
  'Karim',
  'Lena',
  'Mika',
];
const surnames = ['Aspen', 'Beech', 'Cypress', 'Holm', 'Linden', 'Mallow', 'Osier', 'Pine', 'Rowan', 'Spruce', 'Yew'];
const trades = ['Bakery', 'Chandlers', 'Freight', 'Optics', 'Printing', 'Textiles', 'Tools'];

const pick = (words: readonly string[], number: number): string => words[number % words.length] ?? '';

// The lists have no common divisor: the same name comes back after 143 people.
function personName(number: number): string {
  return `${pick(firstNames, number)} ${pick(surnames, number)}`;
}

function companyName(first: number): string {
  const number = Math.ceil(first / companySize);
  return `${pick(surnames, number)} ${pick(trades, number)} ${String(number)}`;
}
