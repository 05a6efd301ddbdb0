import { z } from 'zod';
import { pageKeyText, readPageKey, type Company, type PageKey } from '../../accounts/companies.ts';
import {
  contactStates,
  keyOf,
  type ContactState,
  type PeopleQuery,
  type RequiredOf,
} from '../../accounts/directory.ts';
import { nameKey } from '../../accounts/person-row.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import type { Translate } from '../../kernel/ports.ts';
import { contactMenu } from './contact-page.ts';
import { requiredOf, stateBadge } from './contact-state.ts';
import type { CustomersPorts } from './customers-ports.ts';

/** How many companies, or contacts, are on one page. */
export const pageSize = 20;
/** How many contacts stand under each company, and companies above the contacts that were found. */
const shortList = 10;

/** What the address of a list of contacts may say. */
export const listQuery = z.object({
  q: z.string().max(200).default(''),
  state: z.enum([...contactStates, '']).default(''),
  after: z.string().max(4000).optional(),
});

/** The people that a search and a filter select. */
export interface Selection {
  q: string;
  state: ContactState | '';
}

type ListPorts = Pick<CustomersPorts, 'companies' | 'directory' | 'engine'>;

interface ListPage {
  ports: ListPorts;
  t: Translate;
  after: PageKey | null;
}

/** The place in a list that an address names; a forged one is 400. */
export function afterOf({ after }: { after?: string | undefined }): PageKey | null {
  if (after === undefined) return null;
  const key = readPageKey(after);
  if (!key) throw new Refused('bad-request');
  return key;
}

/** The query of the directory for a selection. */
export async function queryOf(
  ports: Pick<ListPorts, 'engine'>,
  { q, state }: Selection,
): Promise<PeopleQuery & { required: RequiredOf }> {
  return {
    kind: 'contact',
    query: q,
    state: state === '' ? null : state,
    required: await requiredOf(ports.engine),
  };
}

/** The address of a list with this selection, and what else it says. */
export function listHref(path: string, selection: Selection, more: Record<string, string> = {}): string {
  const { q, state } = selection;
  const query = new URLSearchParams({ ...(q === '' ? {} : { q }), ...(state === '' ? {} : { state }), ...more });
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

/** One row more than a page was asked for: it tells whether there is another page. */
function cut<T>(rows: readonly T[], toKey: (row: T) => PageKey): { shown: T[]; next: string | null } {
  const shown = rows.slice(0, pageSize);
  const last = shown.at(-1);
  return { shown, next: rows.length > pageSize && last ? pageKeyText(toKey(last)) : null };
}

const companyKey = (company: Company): PageKey => ({ nameKey: nameKey(company.name), id: company.id });

/** How many, in a sentence: one has words of its own. */
function counted(t: Translate, what: 'contacts' | 'companies', count: number): string {
  const keys = {
    contacts: { one: 'staff.count.contact', many: 'staff.count.contacts' },
    companies: { one: 'staff.count.company', many: 'staff.count.companies' },
  } as const;
  return t(count === 1 ? keys[what].one : keys[what].many, { count });
}

/** The companies by name, each with its first contacts. */
export async function companiesPage({ ports, t, after }: ListPage): Promise<object> {
  const { companies, directory } = ports;
  const { shown, next } = cut(await companies.page({ query: '', after, count: pageSize + 1 }), companyKey);
  const query = await queryOf(ports, { q: '', state: '' });
  const counts = await directory.countsOf(shown.map(({ id }) => id));
  const groups = await Promise.all(
    shown.map(async ({ id, name }) => {
      const count = counts.get(id) ?? 0;
      const contacts = await directory.page({ ...query, companyId: id }, { after: null, count: shortList });
      return {
        name,
        href: `/staff/customers/${id}`,
        count: counted(t, 'contacts', count),
        contacts: contacts.map((contact) => contactLink(contact, t, query.required)),
        all: count > shortList ? t('staff.customers.allContacts', { count }) : null,
      };
    }),
  );
  return {
    groups,
    count: t('staff.customers.count', {
      companies: counted(t, 'companies', await companies.count('')),
      contacts: counted(t, 'contacts', await directory.count(query)),
    }),
    pager: pagerOf('/staff/customers', { q: '', state: '' }, { after, next }),
  };
}

/** The contacts that a search or a filter finds, whatever their company, and the companies whose names it finds. */
export async function foundPage(page: ListPage & { selection: Selection }): Promise<object> {
  const { ports, t, selection, after } = page;
  const { companies } = ports;
  const query = await queryOf(ports, selection);
  const byName = selection.q.trim() !== '' && selection.state === '' && after === null;
  const found = byName ? await companies.page({ query: selection.q, after: null, count: shortList }) : [];
  const more = byName ? (await companies.count(selection.q)) - found.length : 0;
  return {
    found: found.map(({ id, name }) => ({ name, href: `/staff/customers/${id}` })),
    foundMore: more > 0 ? t('staff.customers.moreCompanies', { count: more }) : null,
    ...(await contactsTable(page, { query, path: '/staff/customers', selection, withCompany: true })),
  };
}

/** The contacts of one company. */
export async function companyPage(page: ListPage & { company: Company; reader: Person }): Promise<object> {
  const { ports, company, reader } = page;
  const selection = { q: '', state: '' } as const;
  const query = { ...(await queryOf(ports, selection)), companyId: company.id };
  const path = `/staff/customers/${company.id}`;
  return contactsTable(page, { query, path, selection, reader, withCompany: false });
}

async function contactsTable(
  { ports, t, after }: ListPage,
  list: {
    query: PeopleQuery & { required: RequiredOf };
    path: string;
    selection: Selection;
    withCompany: boolean;
    reader?: Person;
  },
): Promise<{ table: object; pager: object; total: number }> {
  const { query, withCompany, reader } = list;
  const { shown, next } = cut(await ports.directory.page(query, { after, count: pageSize + 1 }), keyOf);
  const total = await ports.directory.count(query);
  const columns = [
    t('staff.contacts.name'),
    ...(withCompany ? [t('staff.contacts.company')] : []),
    t('staff.contacts.email'),
    t('staff.contacts.state'),
    t('staff.contacts.lastSignIn'),
  ];
  const rows = shown.map((contact) => [
    { text: contact.name, href: `/staff/contacts/${contact.id}` },
    ...(withCompany ? [{ text: contact.companyName ?? '', href: `/staff/customers/${contact.companyId ?? ''}` }] : []),
    { text: contact.email, menu: reader && contactMenu(contact, reader, t) },
    { badge: contactLink(contact, t, query.required).badge },
    { when: contact.lastSignInAt },
  ]);
  return {
    table: {
      caption: t(reader ? 'staff.customer.contacts' : 'staff.contacts.caption'),
      count: counted(t, 'contacts', total),
      columns,
      rows,
    },
    pager: pagerOf(list.path, list.selection, { after, next }),
    total,
  };
}

function contactLink(contact: Person, t: Translate, required: RequiredOf) {
  return {
    name: contact.name,
    href: `/staff/contacts/${contact.id}`,
    badge: stateBadge(contact, { required, t }),
  };
}

function pagerOf(
  path: string,
  selection: Selection,
  { after, next }: { after: PageKey | null; next: string | null },
): { first: string | null; next: string | null } {
  return {
    first: after === null ? null : listHref(path, selection),
    next: next === null ? null : listHref(path, selection, { after: next }),
  };
}
