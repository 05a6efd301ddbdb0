import { Schema, Types, type Connection, type Model } from 'mongoose';
import type { Language, MfaState, Person, PersonKind } from '../kernel/person.ts';
import { profileById, type Profile } from './profiles.ts';
import type { PasswordRecord } from './passwords/password-hasher.ts';

/** What a link allows. Each has one place on the person, so that the newest is the only one that works (REC-1). */
export type LinkPurpose = 'invitation' | 'passwordReset' | 'emailChange' | 'unlock';

/** A mailed link as stored: only the hash of its token. */
export interface LinkRow {
  hash: string;
  until: Date;
  issuedAt: Date;
}

/** A link that leads to another address. */
export interface EmailLinkRow extends LinkRow {
  email: string;
  emailKey: string;
}

/** A person as stored. Unknown fields throw, so a typing mistake can't quietly lose a security setting. */
export interface PersonRow {
  _id: Types.ObjectId;
  schemaVersion: number;
  kind: PersonKind;
  email: string;
  emailKey: string;
  emailConfirmedAt: Date | null;
  name: string;
  nameKey: string;
  /** What lists are searched by: every word of the name, and the address. */
  searchKeys: string[];
  company: { id: string; name: string } | null;
  profile: string | null;
  /** What an own profile of the portal allows, kept here so that a request reads one document. Null: a built-in one, or none. */
  grants: Omit<Profile, 'id'> | null;
  password: PasswordRecord | null;
  passwordSetAt: Date | null;
  passwordShort: boolean;
  disabledAt: Date | null;
  disabledByCompany: boolean;
  sessionEpoch: number;
  staffWord: Person['staffWord'];
  companyWord: Person['companyWord'];
  companyAdmin: boolean;
  graceUntil: Date | null;
  mfaState: MfaState;
  language: Language | null;
  timeZone: string | null;
  lastSignInAt: Date | null;
  links: Partial<Record<LinkPurpose, LinkRow | EmailLinkRow>>;
  /** The ways back to earlier addresses, oldest first. */
  emailUndos: EmailLinkRow[];
  /** Other addresses that mails went to, or were to go to: what to forget when the person is removed (LOG-4). */
  otherEmails: { email: string; emailKey: string }[];
  lock: { token: string; until: Date } | null;
  createdAt: Date;
}

export interface NewPerson {
  id?: string;
  kind: PersonKind;
  email: string;
  emailKey: string;
  name: string;
  company?: { id: string; name: string };
  profile?: string;
  grants?: Omit<Profile, 'id'> | null;
  password: PasswordRecord | null;
  passwordShort: boolean;
  staffWord?: Person['staffWord'];
  disabled?: boolean;
  companyAdmin?: boolean;
  emailConfirmed?: boolean;
}

/** The form that names and searches are compared in. */
export function nameKey(text: string): string {
  return text.trim().normalize('NFKC').toLowerCase().replace(/\s+/g, ' ');
}

/** What a person is found by: the words of their name and of their company's, and the address. */
export function searchKeysOf(person: {
  name: string;
  emailKey: string;
  company?: { name: string } | null | undefined;
}): string[] {
  const { name, emailKey, company } = person;
  const names = [name, company?.name ?? ''].map(nameKey);
  const words = names.flatMap((whole) => [whole, ...whole.split(' ')]);
  return [...new Set([...words, emailKey, emailKey.split('@')[1] ?? ''])].filter(Boolean);
}

/** The row of somebody new. */
export function newPersonRow(person: NewPerson, now: Date): PersonRow {
  return {
    _id: new Types.ObjectId(person.id),
    schemaVersion: 1,
    kind: person.kind,
    email: person.email,
    emailKey: person.emailKey,
    emailConfirmedAt: person.emailConfirmed ? now : null,
    name: person.name,
    nameKey: nameKey(person.name),
    searchKeys: searchKeysOf(person),
    company: person.company ?? null,
    profile: person.profile ?? null,
    grants: person.grants ?? null,
    password: person.password,
    passwordSetAt: person.password ? now : null,
    passwordShort: person.passwordShort,
    disabledAt: person.disabled ? now : null,
    disabledByCompany: false,
    sessionEpoch: 0,
    staffWord: person.staffWord ?? 'inherit',
    companyWord: 'inherit',
    companyAdmin: person.companyAdmin ?? false,
    graceUntil: null,
    mfaState: 'none',
    language: null,
    timeZone: null,
    lastSignInAt: null,
    links: {},
    emailUndos: [],
    otherEmails: [],
    lock: null,
    createdAt: now,
  };
}

/** The profile of a member of staff; null where it gives nothing. */
export function profileOf(row: Pick<PersonRow, 'profile' | 'grants'>): Profile | null {
  return profileById(row.profile) ?? (row.grants && row.profile !== null ? { ...row.grants, id: row.profile } : null);
}

/** What the rest of the portal may know of a stored person. */
export function asPerson(row: PersonRow): Person {
  const profile = row.kind === 'staff' ? profileOf(row) : null;
  return {
    id: row._id.toHexString(),
    kind: row.kind,
    email: row.email,
    name: row.name,
    companyId: row.company?.id ?? null,
    companyName: row.company?.name ?? null,
    profileId: profile?.id ?? null,
    profileName: profile?.name ?? null,
    permissions: profile?.permissions ?? [],
    masterAdmin: profile?.masterAdmin ?? false,
    disabled: row.disabledAt !== null,
    disabledByCompany: row.disabledAt !== null && row.disabledByCompany,
    language: row.language,
    timeZone: row.timeZone,
    emailConfirmed: row.emailConfirmedAt !== null,
    hasPassword: row.password !== null,
    mfaState: row.mfaState,
    sessionEpoch: row.sessionEpoch,
    staffWord: row.staffWord,
    companyWord: row.companyWord,
    graceUntil: row.graceUntil,
    passwordSetAt: row.passwordSetAt,
    passwordShort: row.passwordShort,
    lastSignInAt: row.lastSignInAt,
    companyAdmin: row.companyAdmin,
    createdAt: row.createdAt,
  };
}

const linkSchema = () =>
  new Schema<LinkRow>({ hash: String, until: Date, issuedAt: Date }, { _id: false, strict: 'throw' });
const emailLinkSchema = () =>
  new Schema<EmailLinkRow>(
    { hash: String, until: Date, issuedAt: Date, email: String, emailKey: String },
    { _id: false, strict: 'throw' },
  );

/** The collection of people: contacts and staff. */
export function peopleModel(connection: Connection): Model<PersonRow> {
  const known = connection.models['Person'] as Model<PersonRow> | undefined;
  if (known) return known;
  const schema = new Schema<PersonRow>(
    {
      schemaVersion: { type: Number, required: true },
      kind: { type: String, enum: ['contact', 'staff'], required: true },
      email: { type: String, required: true },
      emailKey: { type: String, required: true },
      emailConfirmedAt: { type: Date, default: null },
      name: { type: String, required: true },
      nameKey: { type: String, required: true },
      searchKeys: { type: [String], required: true },
      company: { type: new Schema({ id: String, name: String }, { _id: false }), default: null },
      profile: { type: String, default: null },
      grants: {
        type: new Schema(
          { name: String, permissions: [String], masterAdmin: Boolean },
          { _id: false, strict: 'throw' },
        ),
        default: null,
      },
      password: { type: new Schema({ hash: String, pepper: String }, { _id: false, strict: 'throw' }), default: null },
      passwordSetAt: { type: Date, default: null },
      passwordShort: { type: Boolean, required: true },
      disabledAt: { type: Date, default: null },
      disabledByCompany: { type: Boolean, default: false },
      sessionEpoch: { type: Number, required: true },
      staffWord: { type: String, enum: ['inherit', 'required', 'exempt'], required: true },
      companyWord: { type: String, enum: ['inherit', 'required'], required: true },
      companyAdmin: { type: Boolean, default: false },
      graceUntil: { type: Date, default: null },
      mfaState: { type: String, enum: ['none', 'enrolled'], required: true },
      language: { type: String, default: null },
      timeZone: { type: String, default: null },
      lastSignInAt: { type: Date, default: null },
      links: {
        type: new Schema(
          {
            invitation: linkSchema(),
            passwordReset: linkSchema(),
            emailChange: emailLinkSchema(),
            unlock: linkSchema(),
          },
          { _id: false, strict: 'throw' },
        ),
        default: {},
      },
      emailUndos: { type: [emailLinkSchema()], default: [] },
      otherEmails: { type: [new Schema({ email: String, emailKey: String }, { _id: false })], default: [] },
      lock: { type: new Schema({ token: String, until: Date }, { _id: false }), default: null },
      createdAt: { type: Date, required: true },
    },
    { versionKey: false, strict: 'throw', collection: 'people', minimize: false },
  );
  schema.index({ emailKey: 1 }, { unique: true });
  schema.index({ kind: 1, nameKey: 1, _id: 1 });
  schema.index({ kind: 1, searchKeys: 1 });
  schema.index({ 'company.id': 1, nameKey: 1, _id: 1 });
  for (const purpose of ['invitation', 'passwordReset', 'emailChange', 'unlock'] satisfies LinkPurpose[])
    schema.index({ [`links.${purpose}.hash`]: 1 }, { sparse: true });
  schema.index({ 'emailUndos.hash': 1 }, { sparse: true });
  return connection.model<PersonRow>('Person', schema);
}
