import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Types, type Connection } from 'mongoose';
import type { Language, Person } from '../kernel/person.ts';
import type { Clock, People } from '../kernel/ports.ts';
import { Refused } from '../kernel/errors.ts';
import { rowsOf } from '../platform/mongo.ts';
import { isDuplicateKey } from '../kernel/duplicate-key.ts';
import type { PasswordRecord } from './passwords/password-hasher.ts';
import {
  asPerson,
  nameKey,
  newPersonRow,
  peopleModel,
  searchKeysOf,
  type NewPerson,
  type PersonRow,
} from './person-row.ts';

export type { NewPerson } from './person-row.ts';

export interface Accounts extends People {
  create(person: NewPerson): Promise<Person>;
  /** True once anybody runs this portal. */
  hasStaff(): Promise<boolean>;
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
  setPreferences(personId: string, preferences: { language: Language | null; timeZone: string | null }): Promise<void>;
  /** Staff's edits of a person; fields left out stay. Gives the person as they are now. */
  edit(
    personId: string,
    change: {
      name?: string;
      staffWord?: Person['staffWord'];
      companyWord?: Person['companyWord'];
      companyAdmin?: boolean;
      graceUntil?: Date | null;
    },
  ): Promise<Person | null>;
}

// Longer than any request may take, so that no holder goes on after its lock is over.
const lockSeconds = 30;

/** People in the database. */
export function createAccounts(connection: Connection, clock: Clock): Accounts {
  const people = peopleModel(connection);

  return {
    async byId(id) {
      if (!/^[0-9a-f]{24}$/.test(id)) return null;
      const row = await rowsOf(people).findOne({ _id: new Types.ObjectId(id) });
      return row && asPerson(row);
    },
    async endAllSignIns(personId, seen) {
      const filter = { _id: personId, ...(seen === undefined ? {} : { sessionEpoch: seen }) };
      const row = await people
        .findOneAndUpdate(
          filter,
          {
            $inc: { sessionEpoch: 1 },
            // Whoever is put out may have asked for another address: the link in that mailbox must not outlive their session.
            ...(seen === undefined ? { $unset: { 'links.emailChange': 1 } } : {}),
          },
          { returnDocument: 'after' },
        )
        .lean<PersonRow>();
      return row?.sessionEpoch ?? null;
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
          const release = async () => {
            await people.updateOne({ _id: personId, 'lock.token': token }, { $set: { lock: null } });
          };
          return Object.assign(release, { token });
        }
        if (!(await people.exists({ _id: personId }))) throw new Refused('not-found');
        await setTimeout(25 + randomInt(50));
      }
      throw new Refused('busy', { retryAfterSeconds: 1 });
    },
    async noteSignIn(personId) {
      await rowsOf(people).updateOne({ _id: new Types.ObjectId(personId) }, { $set: { lastSignInAt: clock.now() } });
    },
    async noteMfaState(personId, state) {
      await people.updateOne({ _id: personId, mfaState: { $ne: state } }, { $set: { mfaState: state } });
    },
    async noteNobodyEnrolled(kind) {
      await people.updateMany({ kind, mfaState: 'enrolled' }, { $set: { mfaState: 'none' } });
    },
    async create(person) {
      const row = newPersonRow(person, clock.now());
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
    async findByEmail(emailKey) {
      const row = await rowsOf(people).findOne({ emailKey: { $eq: emailKey } });
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
            // Whoever knew the old one may have asked for these.
            $unset: { 'links.passwordReset': 1, 'links.emailChange': 1 },
            $inc: { sessionEpoch: 1 },
          },
          { returnDocument: 'after' },
        )
        .lean<PersonRow>();
      return row?.sessionEpoch ?? null;
    },
    async setPreferences(personId, { language, timeZone }) {
      await people.updateOne({ _id: personId }, { $set: { language, timeZone } });
    },
    async endGrace(personId) {
      await people.updateOne({ _id: personId }, { $set: { graceUntil: clock.now() } });
    },
    async endGraceOfAll(kind) {
      const now = clock.now();
      await people.updateMany({ kind, graceUntil: { $gt: now } }, { $set: { graceUntil: now } });
    },
    async edit(personId, { name, ...others }) {
      // A requirement of the person's own ends a running grace at once.
      const required = others.staffWord === 'required' || others.companyWord === 'required';
      for (let tries = 0; tries < 5; tries += 1) {
        const seen = await people.findById(personId).lean<PersonRow>();
        if (!seen) return null;
        const names =
          name === undefined ? {} : { name, nameKey: nameKey(name), searchKeys: searchKeysOf({ ...seen, name }) };
        // What is searched by hangs on name and address: neither may change in between.
        const row = await people
          .findOneAndUpdate(
            { _id: personId, emailKey: seen.emailKey, name: seen.name },
            { $set: { ...names, ...(required ? { graceUntil: clock.now() } : {}), ...others } },
            { returnDocument: 'after' },
          )
          .lean<PersonRow>();
        if (row) return asPerson(row);
      }
      throw new Refused('busy', { retryAfterSeconds: 1 });
    },
  };
}
