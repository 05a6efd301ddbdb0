import { Schema, Types, type Connection } from 'mongoose';
import { rowsOf } from '../../platform/mongo.ts';
import { isDuplicateKey } from '../../kernel/duplicate-key.ts';
import { readAnew, readOnce } from '../../platform/request-context.ts';

export const groupWords = ['off', 'optional', 'required'] as const;
export type GroupWord = (typeof groupWords)[number];

/** A set of companies with a word of its own on whether a factor is required; null: none at the moment. */
export interface Group {
  id: string;
  name: string;
  word: GroupWord | null;
}

interface GroupRow {
  _id: Types.ObjectId;
  name: string;
  nameKey: string;
  word: GroupWord | null;
}

interface MemberRow {
  _id: string;
  groupId: string;
  companyId: string;
  word: GroupWord | null;
}

export interface Groups {
  /** Null: there is one of that name. */
  create(name: string, word: GroupWord | null): Promise<Group | null>;
  list(): Promise<Group[]>;
  byId(id: string): Promise<Group | null>;
  /** False: there is one of that name, or none of that id. */
  change(id: string, change: { name: string; word: GroupWord | null }): Promise<boolean>;
  remove(id: string): Promise<boolean>;
  /** The groups that a company is in. */
  of(companyId: string): Promise<Group[]>;
  put(companyId: string, groupId: string): Promise<boolean>;
  take(companyId: string, groupId: string): Promise<void>;
  membersOf(groupId: string): Promise<string[]>;
  /** What the company's groups say; empty where none speaks. */
  wordsOf(companyId: string): Promise<GroupWord[]>;
  wordsOfMany(companyIds: readonly string[]): Promise<Map<string, GroupWord[]>>;
  /** The companies whose groups speak, by whether the strongest of their words requires a factor: for lists. */
  companiesByWord(): Promise<{ required: string[]; notRequired: string[] }>;
}

const wordsRead = 'group words';

/** Groups of companies. The word stands on each membership too, so that a sign-in reads one index and joins nothing. */
export function createGroups(connection: Connection): Groups {
  const groups = groupModel(connection);
  const members = memberModel(connection);
  const asGroup = ({ _id, name, word }: GroupRow): Group => ({ id: _id.toHexString(), name, word });
  const keyOf = (name: string) => name.trim().normalize('NFKC').toLowerCase();

  async function byId(id: string): Promise<Group | null> {
    if (!/^[0-9a-f]{24}$/.test(id)) return null;
    const row = await groups.findById(id).lean<GroupRow>();
    return row && asGroup(row);
  }

  async function unlessTaken<T>(write: () => Promise<T>): Promise<T | null> {
    try {
      return await write();
    } catch (error) {
      if (isDuplicateKey(error)) return null;
      throw error;
    }
  }

  return {
    byId,
    async create(name, word) {
      const row: GroupRow = { _id: new Types.ObjectId(), name, nameKey: keyOf(name), word };
      return unlessTaken(async () => {
        await groups.insertMany([row]);
        return asGroup(row);
      });
    },
    async list() {
      return (await groups.find().sort({ nameKey: 1 }).limit(500).lean<GroupRow[]>()).map(asGroup);
    },
    async change(id, { name, word }) {
      const seen = await byId(id);
      if (!seen) return false;
      // Stricter words reach the members first, weaker ones the group first: a crash in between never leaves somebody with less.
      const stricter =
        word !== null && groupWords.indexOf(word) > (seen.word === null ? -1 : groupWords.indexOf(seen.word));
      const spread = async () => {
        await members.updateMany({ groupId: id }, { $set: { word } });
        readAnew(wordsRead);
      };
      if (stricter) await spread();
      const result = await unlessTaken(() =>
        groups.updateOne({ _id: id }, { $set: { name, nameKey: keyOf(name), word } }),
      );
      if (result === null) {
        if (stricter) await members.updateMany({ groupId: id }, { $set: { word: seen.word } });
        readAnew(wordsRead);
        return false;
      }
      // In any case afterwards: a company that was put in meanwhile may have got the word of before.
      await spread();
      return true;
    },
    async remove(id) {
      const removed = await groups.deleteOne({ _id: id });
      await members.deleteMany({ groupId: id });
      readAnew(wordsRead);
      return removed.deletedCount === 1;
    },
    async of(companyId) {
      const rows = await members.find({ companyId }).lean<MemberRow[]>();
      const found = await groups
        .find({ _id: { $in: rows.map((row) => new Types.ObjectId(row.groupId)) } })
        .sort({ nameKey: 1 })
        .lean<GroupRow[]>();
      return found.map(asGroup);
    },
    async put(companyId, groupId) {
      const member = { _id: `${companyId} ${groupId}` };
      let group = await byId(groupId);
      while (group) {
        const { word } = group;
        await members.updateOne(member, { $set: { companyId, groupId, word } }, { upsert: true });
        readAnew(wordsRead);
        // The word may have changed, or the group be gone, since it was read: what stands on its members must not outlive it.
        group = await byId(groupId);
        if (group?.word === word) return true;
      }
      await members.deleteOne(member);
      return false;
    },
    async take(companyId, groupId) {
      await members.deleteOne({ _id: `${companyId} ${groupId}` });
      readAnew(wordsRead);
    },
    async membersOf(groupId) {
      const rows = await members.find({ groupId }).lean<MemberRow[]>();
      return rows.map((row) => row.companyId);
    },
    async wordsOf(companyId) {
      const rows = await readOnce(`${wordsRead} ${companyId}`, () =>
        rowsOf(members)
          .find({ companyId }, { projection: { word: 1 } })
          .toArray(),
      );
      return rows.flatMap(({ word }) => word ?? []);
    },
    async wordsOfMany(companyIds) {
      const rows = await members.find({ companyId: { $in: companyIds } }).lean<MemberRow[]>();
      const words = new Map<string, GroupWord[]>();
      for (const { companyId, word } of rows) if (word) words.set(companyId, [...(words.get(companyId) ?? []), word]);
      return words;
    },
    async companiesByWord() {
      const rows = await members.find({ word: { $ne: null } }, { companyId: 1, word: 1 }).lean<MemberRow[]>();
      const required = new Set(rows.filter(({ word }) => word === 'required').map(({ companyId }) => companyId));
      const others = rows.map(({ companyId }) => companyId).filter((companyId) => !required.has(companyId));
      return { required: [...required], notRequired: [...new Set(others)] };
    },
  };
}

function groupModel(connection: Connection) {
  const schema = new Schema<GroupRow>(
    {
      name: { type: String, required: true },
      nameKey: { type: String, required: true },
      word: { type: String, enum: [...groupWords, null], default: null },
    },
    { versionKey: false, strict: 'throw', collection: 'groups' },
  );
  schema.index({ nameKey: 1 }, { unique: true });
  return connection.model<GroupRow>('Group', schema);
}

function memberModel(connection: Connection) {
  const schema = new Schema<MemberRow>(
    {
      _id: { type: String, required: true },
      groupId: { type: String, required: true },
      companyId: { type: String, required: true },
      word: { type: String, enum: [...groupWords, null], default: null },
    },
    { versionKey: false, strict: 'throw', collection: 'groupMembers' },
  );
  schema.index({ companyId: 1 });
  schema.index({ groupId: 1 });
  return connection.model<MemberRow>('GroupMember', schema);
}
