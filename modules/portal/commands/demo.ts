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
import type { Person } from '../../kernel/person.ts';
import type { Engine } from '../../mfa/engine.ts';

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

interface Example {
  kind: 'staff' | 'contact';
  name: string;
  email: string;
  profile?: string;
  company?: string;
  staffWord?: 'required';
  disabled?: boolean;
  enrolled: boolean;
  state: string;
}

const harbour = 'Harbour Logistics';
const quarry = 'Quarry Foods';

const examples: readonly Example[] = [
  {
    kind: 'contact',
    name: 'Ruth Alder',
    email: 'ruth@harbour.example',
    company: harbour,
    staffWord: 'required',
    enrolled: true,
    state: 'required and enrolled',
  },
  {
    kind: 'contact',
    name: 'Otto Birch',
    email: 'otto@harbour.example',
    company: harbour,
    enrolled: true,
    state: 'optional and enrolled',
  },
  {
    kind: 'contact',
    name: 'Nina Cedar',
    email: 'nina@harbour.example',
    company: harbour,
    enrolled: false,
    state: 'optional and not enrolled',
  },
  {
    kind: 'contact',
    name: 'Paul Dogwood',
    email: 'paul@harbour.example',
    company: harbour,
    staffWord: 'required',
    enrolled: false,
    state: 'required and not yet enrolled',
  },
  {
    kind: 'contact',
    name: 'Dora Elm',
    email: 'dora@harbour.example',
    company: harbour,
    disabled: true,
    enrolled: false,
    state: 'disabled',
  },
  {
    kind: 'contact',
    name: 'Quin Fir',
    email: 'quin@quarry.example',
    company: quarry,
    enrolled: true,
    state: 'optional and enrolled',
  },
  {
    kind: 'staff',
    name: 'Mara Hazel',
    email: 'mara@staff.example',
    profile: 'master-admin',
    enrolled: true,
    state: 'enrolled',
  },
  {
    kind: 'staff',
    name: 'Adam Juniper',
    email: 'adam@staff.example',
    profile: 'admin',
    enrolled: true,
    state: 'enrolled',
  },
  {
    kind: 'staff',
    name: 'Sara Larch',
    email: 'sara@staff.example',
    profile: 'sales-manager',
    enrolled: true,
    state: 'enrolled',
  },
  {
    kind: 'staff',
    name: 'Sven Maple',
    email: 'sven@staff.example',
    profile: 'support',
    enrolled: true,
    state: 'enrolled',
  },
];

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

/**
 * Fills an empty portal with the example: two companies, six contacts, one of each staff profile. Passwords and secrets are new in
 * each demo and kept beside the data, so that a second start prints the same. Throws where the portal already has other people.
 */
export async function seedDemo(portal: DemoPortal, dataDir: string): Promise<DemoPerson[]> {
  const file = join(dataDir, 'demo.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as DemoPerson[];
  if (await portal.accounts.hasStaff())
    throw new PlainError(
      'This portal already has people: the demo fills an empty folder or database only. If an earlier demo was interrupted, remove its folder.',
    );
  const companies = new Map<string, { id: string; name: string }>();
  for (const name of [harbour, quarry]) companies.set(name, await portal.companies.create(name));
  const people: DemoPerson[] = [];
  for (const example of examples) people.push(await seedPerson(portal, example, companies.get(example.company ?? '')));
  await portal.setUp.close();
  writeFileSync(file, `${JSON.stringify(people, null, 2)}\n`, { mode: 0o600 });
  return people;
}

async function seedPerson(
  portal: DemoPortal,
  example: Example,
  company: { id: string; name: string } | undefined,
): Promise<DemoPerson> {
  const password = newPassword();
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

// The first primary factor and every recovery one: what each puts on the person's device is its own business.
async function seedFactors(engine: Engine, person: Person): Promise<object> {
  const factors = [...engine.factors.values()];
  const [primary] = factors.filter((factor) => factor.definition.traits.role === 'primary' && 'seed' in factor.running);
  const recovery = factors.filter(({ definition }) => definition.traits.role === 'recovery');
  let device = {};
  for (const { running } of [...(primary ? [primary] : []), ...recovery])
    device = { ...device, ...(await running.seed?.(person)) };
  await engine.noteState(person);
  return device;
}

const letters = 'abcdefghjkmnpqrstuvwxyz23456789';

function newPassword(): string {
  const group = () => Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join('');
  return [group(), group(), group(), group()].join('-');
}

/** The example as a table for people to read. */
export function describeDemo(people: readonly DemoPerson[], url: string): string {
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
  return `The example portal is ready: ${url}\n\n${lines.join('\n\n')}\n`;
}
