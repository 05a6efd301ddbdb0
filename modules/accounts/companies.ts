import { Schema, Types, type Connection, type Model } from 'mongoose';
import type { Clock } from '../kernel/ports.ts';
import { nameKey } from './person-row.ts';

export interface Company {
  id: string;
  name: string;
  createdAt: Date;
}

interface CompanyRow {
  _id: Types.ObjectId;
  name: string;
  nameKey: string;
  searchKeys: string[];
  createdAt: Date;
  schemaVersion: number;
}

export interface Companies {
  create(name: string): Promise<Company>;
  byId(id: string): Promise<Company | null>;
  /** Several at once, in no order. */
  byIds(ids: readonly string[]): Promise<Company[]>;
  /** By name. `after` is where the page before ended. */
  page(options: { query: string; after: PageKey | null; count: number }): Promise<Company[]>;
  count(query: string): Promise<number>;
}

/** The last row of a page: the next one begins behind it, whatever was added or removed meanwhile. */
export interface PageKey {
  nameKey: string;
  id: string;
}

/** A filter for what stands behind the key in the order of names. */
export function behind(after: PageKey | null): object {
  if (after === null) return {};
  return {
    $or: [{ nameKey: { $gt: after.nameKey } }, { nameKey: after.nameKey, _id: { $gt: new Types.ObjectId(after.id) } }],
  };
}

/** The key as it stands in an address. */
export function pageKeyText({ nameKey: name, id }: PageKey): string {
  return Buffer.from(JSON.stringify([name, id]), 'utf8').toString('base64url');
}

/** Reads what `pageKeyText` wrote; null for anything else. */
export function readPageKey(text: string): PageKey | null {
  try {
    const [name, id, ...more] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown[];
    if (typeof name !== 'string' || typeof id !== 'string' || more.length > 0) return null;
    return /^[0-9a-f]{24}$/.test(id) ? { nameKey: name, id } : null;
  } catch {
    return null;
  }
}

const mostWords = 6;

/** A filter for rows where each typed word begins a search key. Taken literally, and anchored, so that an index answers it (INJ-1). */
export function beginsWith(query: string): object {
  const words = nameKey(query).slice(0, 100).split(' ').filter(Boolean).slice(0, mostWords);
  const literal = (word: string) => word.replace(/[\\^$.*+?()[\]{}|\-/]/g, '\\$&');
  return words.length === 0 ? {} : { $and: words.map((word) => ({ searchKeys: new RegExp(`^${literal(word)}`) })) };
}

/** The customers. */
export function createCompanies(connection: Connection, clock: Clock): Companies {
  const rows = companyModel(connection);
  const asCompany = (row: CompanyRow): Company => ({
    id: row._id.toHexString(),
    name: row.name,
    createdAt: row.createdAt,
  });
  return {
    async create(name) {
      const key = nameKey(name);
      const row: CompanyRow = {
        _id: new Types.ObjectId(),
        name,
        nameKey: key,
        searchKeys: [...new Set([key, ...key.split(' ')])],
        createdAt: clock.now(),
        schemaVersion: 1,
      };
      await rows.insertMany([row]);
      return asCompany(row);
    },
    async byId(id) {
      if (!/^[0-9a-f]{24}$/.test(id)) return null;
      const row = await rows.findById(id).lean<CompanyRow>();
      return row && asCompany(row);
    },
    async byIds(ids) {
      const known = ids.filter((id) => /^[0-9a-f]{24}$/.test(id));
      const found = known.length === 0 ? [] : await rows.find({ _id: { $in: known } }).lean<CompanyRow[]>();
      return found.map(asCompany);
    },
    async page({ query, after, count }) {
      const found = await rows
        .find({ ...beginsWith(query), ...behind(after) })
        .sort({ nameKey: 1, _id: 1 })
        .limit(count)
        .lean<CompanyRow[]>();
      return found.map(asCompany);
    },
    count: (query) => rows.countDocuments(beginsWith(query)),
  };
}

function companyModel(connection: Connection): Model<CompanyRow> {
  const schema = new Schema<CompanyRow>(
    {
      name: { type: String, required: true },
      nameKey: { type: String, required: true },
      searchKeys: { type: [String], required: true },
      createdAt: { type: Date, required: true },
      schemaVersion: { type: Number, required: true },
    },
    { versionKey: false, strict: 'throw', collection: 'companies' },
  );
  schema.index({ nameKey: 1, _id: 1 });
  schema.index({ searchKeys: 1 });
  return connection.model<CompanyRow>('Company', schema);
}
