import type { Connection } from 'mongoose';
import type { Person, PersonKind } from '../kernel/person.ts';
import { beginsWith, behind, type PageKey } from './companies.ts';
import { asPerson, nameKey, peopleModel, type PersonRow } from './person-row.ts';

/** What a list of contacts may be narrowed to. `waiting`: a factor is required and none is set up; they are among `notEnrolled`. */
export const contactStates = ['enrolled', 'notEnrolled', 'waiting', 'exempt', 'invited', 'disabled'] as const;
export type ContactState = (typeof contactStates)[number];

/** Of whom the portal and its groups of companies require a factor. */
export interface RequiredOf {
  /** Of every contact whose company's groups say nothing. */
  all: boolean;
  /** Companies whose groups speak: for them their word holds in place of the portal's. */
  groups: { required: readonly string[]; notRequired: readonly string[] };
}

const ofNobody: RequiredOf = { all: false, groups: { required: [], notRequired: [] } };

export interface PeopleQuery {
  kind: PersonKind;
  companyId?: string;
  /** Beginnings of words of the name, of the company's name, or of the address. */
  query?: string;
  state?: ContactState | null;
  /** Of whom a factor is required without a word of their own; nobody where it is left out. */
  required?: RequiredOf;
  /** Only those who can sign in: enabled, with a password. */
  canSignIn?: boolean;
  /** Only those who look after their company's people. */
  companyAdmins?: boolean;
}

export interface Directory {
  /** By name; `after` is where the page before ended. */
  page(query: PeopleQuery, options: { after: PageKey | null; count: number }): Promise<Person[]>;
  count(query: PeopleQuery): Promise<number>;
  /** Several people at once, in no order; who is gone is left out. */
  byIds(ids: readonly string[]): Promise<Person[]>;
  /** How many contacts each company has; one that has none is left out. */
  countsOf(companyIds: readonly string[]): Promise<Map<string, number>>;
}

/** Where a page of people ended. */
export function keyOf(person: Pick<Person, 'id' | 'name'>): PageKey {
  return { nameKey: nameKey(person.name), id: person.id };
}

/** Lists of people, a page at a time, by index. */
export function createDirectory(connection: Connection): Directory {
  const people = peopleModel(connection);
  return {
    async page(query, { after, count }) {
      const rows = await people
        .find({ ...filterOf(query), ...behind(after) })
        .sort({ nameKey: 1, _id: 1 })
        .limit(count)
        .lean<PersonRow[]>();
      return rows.map(asPerson);
    },
    count: (query) => people.countDocuments(filterOf(query)),
    async byIds(ids) {
      const known = ids.filter((id) => /^[0-9a-f]{24}$/.test(id));
      const rows = known.length === 0 ? [] : await people.find({ _id: { $in: known } }).lean<PersonRow[]>();
      return rows.map(asPerson);
    },
    async countsOf(companyIds) {
      const rows = await people.aggregate<{ _id: string; count: number }>([
        { $match: { 'company.id': { $in: [...companyIds] } } },
        { $group: { _id: '$company.id', count: { $sum: 1 } } },
      ]);
      return new Map(rows.map(({ _id, count }) => [_id, count]));
    },
  };
}

/** The one state that a list shows of a contact: the first that applies. */
export function stateOf(contact: Person, { all, groups }: RequiredOf = ofNobody): ContactState {
  if (contact.disabled) return 'disabled';
  if (!contact.hasPassword) return 'invited';
  if (contact.staffWord === 'exempt') return 'exempt';
  if (contact.mfaState === 'enrolled') return 'enrolled';
  const companyId = contact.companyId ?? '';
  const required =
    contact.staffWord === 'required' ||
    contact.companyWord === 'required' ||
    groups.required.includes(companyId) ||
    (all && !groups.notRequired.includes(companyId));
  return required ? 'waiting' : 'notEnrolled';
}

const active = { disabledAt: null, password: { $ne: null } };

function filterOf(query: PeopleQuery): object {
  const { kind, companyId, state = null } = query;
  const parts = [
    beginsWith(query.query ?? ''),
    state === null ? {} : stateFilter(state, query.required ?? ofNobody),
    query.canSignIn ? active : {},
    query.companyAdmins ? { companyAdmin: true } : {},
  ].filter((part) => Object.keys(part).length > 0);
  return {
    // Only contacts have a company; with the kind beside it, the index of all contacts by name would be read for each company.
    ...(companyId === undefined ? { kind } : { 'company.id': companyId }),
    // Side by side, not merged: two parts may speak of one field.
    ...(parts.length === 0 ? {} : { $and: parts }),
  };
}

function stateFilter(state: ContactState, { all, groups }: RequiredOf): object {
  switch (state) {
    case 'enrolled':
      return { ...active, mfaState: 'enrolled', staffWord: { $ne: 'exempt' } };
    case 'notEnrolled':
      return { ...active, mfaState: 'none', staffWord: { $ne: 'exempt' } };
    case 'waiting':
      return {
        ...active,
        mfaState: 'none',
        staffWord: { $ne: 'exempt' },
        $or: [
          { staffWord: 'required' },
          { companyWord: 'required' },
          { 'company.id': all ? { $nin: groups.notRequired } : { $in: groups.required } },
        ],
      };
    case 'exempt':
      return { ...active, staffWord: 'exempt' };
    case 'invited':
      return { password: null, disabledAt: null };
    case 'disabled':
      return { disabledAt: { $ne: null } };
  }
}
