import type { Companies } from '../../accounts/companies.ts';
import type { Directory } from '../../accounts/directory.ts';
import type { AuditRow } from '../../audit/audit-trail.ts';
import type { AuditEntry, Translate } from '../../kernel/ports.ts';
import type { Person } from '../../kernel/person.ts';
import type { Engine } from '../../mfa/engine.ts';

/** Who or what an event names. */
export interface EventParty {
  name: string;
  /** The page about them; null where there is none, or the reader may not open it. */
  href: string | null;
  /** Their address: two may have one name. */
  email: string | null;
}

export interface EventNames {
  people: ReadonlyMap<string, Person>;
  companies: ReadonlyMap<string, string>;
  groups: ReadonlyMap<string, string>;
}

type Row = Pick<AuditRow, 'actor' | 'target' | 'detail'>;

/** What an event is about whose target says `group <id>`. */
const groupOf = (target: AuditEntry['target']) =>
  target?.kind === 'policy' ? (/^group ([0-9a-f]{24})$/.exec(target.id)?.[1] ?? null) : null;

/** The companies that a detail names, by their ids. */
const companiesIn = ({ detail }: Row) =>
  [detail?.['companyBefore'], detail?.['companyAfter']].filter((id) => typeof id === 'string');

/** The names of all people, companies and groups in some rows, in one look-up for each kind. */
export async function namesOf(
  rows: readonly Row[],
  ports: { directory: Directory; companies: Companies; engine: Pick<Engine, 'groups'> },
): Promise<EventNames> {
  const parties = rows.flatMap(({ actor, target }) => (target ? [actor, target] : [actor]));
  const idsOf = (kind: string) =>
    parties.flatMap((party) => (party.kind === kind && party.id !== undefined ? [party.id] : []));
  const [people, companies, groups] = await Promise.all([
    ports.directory.byIds([...new Set(idsOf('person'))]),
    ports.companies.byIds([...new Set([...idsOf('company'), ...rows.flatMap(companiesIn)])]),
    rows.some(({ target }) => groupOf(target) !== null) ? ports.engine.groups.list() : [],
  ]);
  return {
    people: new Map(people.map((person) => [person.id, person])),
    companies: new Map(companies.map(({ id, name }) => [id, name])),
    groups: new Map(groups.map(({ id, name }) => [id, name])),
  };
}

/** Who did it, or to whom, with a link for a reader who may open it. */
export function partyOf(
  party: AuditEntry['actor'],
  page: { t: Translate; names: EventNames; reader: Person },
): EventParty {
  const { t } = page;
  const plain = (name: string): EventParty => ({ name, href: null, email: null });
  if (party.kind !== 'person') return plain(t(`auditWords.${party.kind}`));
  const person = page.names.people.get(party.id ?? '');
  if (!person) return plain(t('auditWords.gone', { id: party.id ?? '' }));
  return { name: person.name, href: hrefOf(person, page.reader), email: person.email };
}

/** What it was done to; null for what has no name. */
export function targetOf(
  target: NonNullable<AuditEntry['target']>,
  page: { t: Translate; names: EventNames; reader: Person },
): EventParty | null {
  if (target.kind === 'person') return partyOf({ kind: 'person', id: target.id }, page);
  const group = groupOf(target);
  if (group !== null) return groupParty(group, page);
  if (target.kind !== 'company') return null;
  const name = page.names.companies.get(target.id);
  const mayOpen = name !== undefined && page.reader.permissions.includes('customers.read');
  return {
    name: name ?? page.t('auditWords.gone', { id: target.id }),
    href: mayOpen ? `/staff/customers/${target.id}` : null,
    email: null,
  };
}

function hrefOf(person: Person, reader: Person): string | null {
  const [needed, href] =
    person.kind === 'staff'
      ? (['users.manage', `/staff/users/${person.id}`] as const)
      : (['customers.read', `/staff/contacts/${person.id}`] as const);
  return reader.permissions.includes(needed) ? href : null;
}

function groupParty(id: string, page: { t: Translate; names: EventNames; reader: Person }): EventParty {
  const name = page.names.groups.get(id);
  const mayOpen = name !== undefined && page.reader.permissions.includes('mfa.policy');
  return {
    name: name ?? page.t('auditWords.goneGroup', { id }),
    href: mayOpen ? `/staff/settings/groups/${id}` : null,
    email: null,
  };
}
