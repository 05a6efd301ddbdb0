import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Schema, Types, type Connection, type Model } from 'mongoose';
import type { Person, PersonKind } from '../kernel/person.ts';
import type { Clock, People } from '../kernel/ports.ts';
import { Refused } from '../kernel/errors.ts';
import { isDuplicateKey } from '../platform/mongo-errors.ts';
import { profileById } from './profiles.ts';
import type { PasswordRecord } from './passwords/password-hasher.ts';

/** A person as stored. Unknown fields throw, so a typing mistake can't quietly lose a security setting. */
export interface PersonRow {
  _id: Types.ObjectId;
  schemaVersion: number;
  kind: PersonKind;
  email: string;
  emailKey: string;
  name: string;
  company: { id: string; name: string } | null;
  profile: string | null;
  password: PasswordRecord | null;
  passwordSetAt: Date | null;
  passwordShort: boolean;
  disabledAt: Date | null;
  sessionEpoch: number;
  staffWord: Person['staffWord'];
  companyWord: Person['companyWord'];
  graceUntil: Date | null;
  mfaState: string;
  lastSignInAt: Date | null;
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
  password: PasswordRecord | null;
  passwordShort: boolean;
  staffWord?: Person['staffWord'];
  disabled?: boolean;
}

export interface Accounts extends People {
  create(person: NewPerson): Promise<Person>;
  /** True once anybody runs this portal. */
  hasStaff(): Promise<boolean>;
  createCompany(name: string): Promise<{ id: string; name: string }>;
  findByEmail(emailKey: string): Promise<{ person: Person; password: PasswordRecord | null } | null>;
  passwordOf(personId: string): Promise<PasswordRecord | null>;
  /** Replaces a stored hash if it is still the one that was checked (rehash on sign-in). */
  rehash(personId: string, seen: PasswordRecord, next: PasswordRecord): Promise<boolean>;
  /** A new password if the old one is still the one that was checked; ends every sign-in. Gives the new session epoch, or null. */
  changePassword(
    personId: string,
    seen: PasswordRecord,
    next: { password: PasswordRecord; short: boolean },
  ): Promise<number | null>;
}

// Longer than any request may take, so that no holder goes on after its lock is over.
const lockSeconds = 30;

/** People and companies in the database. */
export function createAccounts(connection: Connection, clock: Clock): Accounts {
  const people = peopleModel(connection);
  const companies = companyModel(connection);

  return {
    async byId(id) {
      if (!Types.ObjectId.isValid(id)) return null;
      const row = await people.findById(id).lean<PersonRow>();
      return row && asPerson(row);
    },
    async endAllSignIns(personId) {
      const row = await people
        .findByIdAndUpdate(personId, { $inc: { sessionEpoch: 1 } }, { returnDocument: 'after' })
        .lean<PersonRow>();
      return row?.sessionEpoch ?? 0;
    },
    async lock(personId) {
      const token = randomUUID();
      for (let tries = 0; tries < 40; tries += 1) {
        const now = clock.now();
        const taken = await people.updateOne(
          { _id: personId, $or: [{ lock: null }, { 'lock.until': { $lte: now } }] },
          { $set: { lock: { token, until: new Date(now.getTime() + lockSeconds * 1000) } } },
        );
        if (taken.modifiedCount === 1) {
          return async () => {
            await people.updateOne({ _id: personId, 'lock.token': token }, { $set: { lock: null } });
          };
        }
        await setTimeout(25 + randomInt(50));
      }
      throw new Refused('busy', { retryAfterSeconds: 1 });
    },
    async noteSignIn(personId) {
      await people.updateOne({ _id: personId }, { $set: { lastSignInAt: clock.now() } });
    },
    async noteMfaState(personId, state) {
      await people.updateOne({ _id: personId, mfaState: { $ne: state } }, { $set: { mfaState: state } });
    },
    async create(person) {
      const row = newRow(person, clock.now());
      try {
        await people.insertMany([row]);
      } catch (error) {
        if (isDuplicateKey(error)) throw new Refused('field-taken', { field: 'email', cause: error });
        throw error;
      }
      return asPerson(row);
    },
    async hasStaff() {
      return (await people.exists({ kind: 'staff' })) !== null;
    },
    async createCompany(name) {
      const id = new Types.ObjectId();
      await companies.insertMany([{ _id: id, name, createdAt: clock.now(), schemaVersion: 1 }]);
      return { id: id.toHexString(), name };
    },
    async findByEmail(emailKey) {
      const row = await people.findOne({ emailKey: { $eq: emailKey } }).lean<PersonRow>();
      return row && { person: asPerson(row), password: row.password };
    },
    async passwordOf(personId) {
      const row = await people.findById(personId, { password: 1 }).lean<PersonRow>();
      return row?.password ?? null;
    },
    async rehash(personId, seen, next) {
      const result = await people.updateOne(
        { _id: personId, 'password.hash': seen.hash },
        { $set: { password: next } },
      );
      return result.modifiedCount === 1;
    },
    async changePassword(personId, seen, next) {
      const row = await people
        .findOneAndUpdate(
          { _id: personId, 'password.hash': seen.hash },
          {
            $set: { password: next.password, passwordShort: next.short, passwordSetAt: clock.now() },
            $inc: { sessionEpoch: 1 },
          },
          { returnDocument: 'after' },
        )
        .lean<PersonRow>();
      return row?.sessionEpoch ?? null;
    },
  };
}

function newRow(person: NewPerson, now: Date): PersonRow {
  return {
    _id: new Types.ObjectId(person.id),
    schemaVersion: 1,
    kind: person.kind,
    email: person.email,
    emailKey: person.emailKey,
    name: person.name,
    company: person.company ?? null,
    profile: person.profile ?? null,
    password: person.password,
    passwordSetAt: person.password ? now : null,
    passwordShort: person.passwordShort,
    disabledAt: person.disabled ? now : null,
    sessionEpoch: 0,
    staffWord: person.staffWord ?? 'inherit',
    companyWord: 'inherit',
    graceUntil: null,
    mfaState: 'none',
    lastSignInAt: null,
    lock: null,
    createdAt: now,
  };
}

function asPerson(row: PersonRow): Person {
  const profile = row.kind === 'staff' ? profileById(row.profile) : null;
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
    sessionEpoch: row.sessionEpoch,
    staffWord: row.staffWord,
    companyWord: row.companyWord,
    graceUntil: row.graceUntil,
    passwordSetAt: row.passwordSetAt,
    passwordShort: row.passwordShort,
    lastSignInAt: row.lastSignInAt,
  };
}

function peopleModel(connection: Connection): Model<PersonRow> {
  const schema = new Schema<PersonRow>(
    {
      schemaVersion: { type: Number, required: true },
      kind: { type: String, enum: ['contact', 'staff'], required: true },
      email: { type: String, required: true },
      emailKey: { type: String, required: true },
      name: { type: String, required: true },
      company: { type: new Schema({ id: String, name: String }, { _id: false }), default: null },
      profile: { type: String, default: null },
      password: { type: new Schema({ hash: String, pepper: String }, { _id: false, strict: 'throw' }), default: null },
      passwordSetAt: { type: Date, default: null },
      passwordShort: { type: Boolean, required: true },
      disabledAt: { type: Date, default: null },
      sessionEpoch: { type: Number, required: true },
      staffWord: { type: String, enum: ['inherit', 'required', 'exempt'], required: true },
      companyWord: { type: String, enum: ['inherit', 'required'], required: true },
      graceUntil: { type: Date, default: null },
      mfaState: { type: String, required: true },
      lastSignInAt: { type: Date, default: null },
      lock: { type: new Schema({ token: String, until: Date }, { _id: false }), default: null },
      createdAt: { type: Date, required: true },
    },
    { versionKey: false, strict: 'throw', collection: 'people' },
  );
  schema.index({ emailKey: 1 }, { unique: true });
  schema.index({ 'company.id': 1, _id: 1 });
  schema.index({ kind: 1, mfaState: 1, _id: 1 });
  return connection.model<PersonRow>('Person', schema);
}

function companyModel(connection: Connection) {
  const schema = new Schema(
    {
      name: { type: String, required: true },
      createdAt: { type: Date, required: true },
      schemaVersion: { type: Number, required: true },
    },
    { versionKey: false, strict: 'throw', collection: 'companies' },
  );
  schema.index({ name: 1, _id: 1 });
  return connection.model('Company', schema);
}
