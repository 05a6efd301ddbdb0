import type { Connection } from 'mongoose';
import type { Person, PersonKind } from '../kernel/person.ts';
import { beginsWith, behind, type PageKey } from './companies.ts';
import { asPerson, nameKey, peopleModel, type PersonRow } from './person-row.ts';

/** What a list of contacts may be narrowed to. `waiting`: a factor is required and none is set up. */
export const contactStates = ['enrolled', 'notEnrolled', 'waiting', 'exempt', 'invited', 'disabled'] as const;
export type ContactState = (typeof contactStates)[number];

export interface PeopleQuery {
  kind: PersonKind;
  companyId?: string;
  /** Beginning of a word of the name, or of the address. */
  query?: string;
  state?: ContactState | null;
  /** True where the portal's policy requires a factor of every contact. */
  requiredOfAll?: boolean;
}

export interface Directory {
  /** By name; `after` is where the page before ended. */
  page(query: PeopleQuery, options: { after: PageKey | null; count: number }): Promise<Person[]>;
  count(query: PeopleQuery): Promise<number>;
  /** Several people at once, in no order; who is gone is left out. */
  byIds(ids: readonly string[]): Promise<Person[]>;
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
  };
}

function filterOf({ kind, companyId, query = '', state = null, requiredOfAll = false }: PeopleQuery): object {
  return {
    kind,
    ...(companyId === undefined ? {} : { 'company.id': companyId }),
    ...beginsWith(query),
    ...(state === null ? {} : stateFilter(state, requiredOfAll)),
  };
}

function stateFilter(state: ContactState, requiredOfAll: boolean): object {
  const active = { disabledAt: null, password: { $ne: null } };
  switch (state) {
    case 'enrolled':
      return { mfaState: 'enrolled', disabledAt: null };
    case 'notEnrolled':
      return { ...active, mfaState: 'none' };
    case 'waiting':
      return requiredOfAll
        ? { ...active, mfaState: 'none', staffWord: { $ne: 'exempt' } }
        : {
            ...active,
            mfaState: 'none',
            $nor: [{ staffWord: 'exempt' }, { staffWord: 'inherit', companyWord: 'inherit' }],
          };
    case 'exempt':
      return { staffWord: 'exempt' };
    case 'invited':
      return { password: null, disabledAt: null };
    case 'disabled':
      return { disabledAt: { $ne: null } };
  }
}
