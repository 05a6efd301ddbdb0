import type { Companies } from '../../accounts/companies.ts';
import type { Directory } from '../../accounts/directory.ts';
import type { AuditFilter, AuditTrail, StoredAuditRow } from '../../audit/audit-trail.ts';
import { auditEvents } from '../../audit/events.ts';
import type { Person } from '../../kernel/person.ts';
import type { Translate } from '../../kernel/ports.ts';
import type { Engine } from '../../mfa/engine.ts';
import { describeDevice } from '../../platform/device.ts';
import { factorName } from './audit-details.ts';
import { namesOf } from './audit-names.ts';
import { auditHref, keyText, type AuditQuery } from './audit-query.ts';
import { eventText, eventWords } from './audit-words.ts';

export interface AuditPagePorts {
  audit: AuditTrail;
  directory: Directory;
  companies: Companies;
  engine: Pick<Engine, 'groups'>;
}

const pageSize = 50;
const choices = 10;

/** The areas that the portal's own events are grouped by, and the first words of the events in each. */
const areas: Readonly<Record<string, readonly string[]>> = {
  signIn: ['sign-in', 'challenge'],
  factors: ['enrolment', 'factor', 'mfa', 'seal', 'trusted-device'],
  password: ['password'],
  people: ['person', 'company'],
  portal: ['set-up', 'policy', 'group', 'profile', 'outbox'],
  refused: ['access', 'csrf'],
};

/** Keys of the areas' names, for the test of the catalogue. */
export const auditAreas = Object.keys(areas);

/** All events to choose from, grouped; what no area names comes last, so that a new event is never missing. */
export function eventGroups(
  t: Translate,
  events: readonly string[],
): { label: string; options: { value: string; label: string }[] }[] {
  const option = (event: string) => ({ value: event, label: eventText(t, { event }) });
  const areaOf = (event: string) => {
    const [first = ''] = event.split('.');
    if (!(event in auditEvents)) return factorName(t, first);
    const [area = 'portal'] = Object.entries(areas).find(([, words]) => words.includes(first)) ?? [];
    return t(`audit.area.${area}`);
  };
  const labels = [...new Set([...auditAreas.map((area) => t(`audit.area.${area}`)), ...events.map(areaOf)])];
  return labels.map((label) => ({ label, options: events.filter((event) => areaOf(event) === label).map(option) }));
}

/** Whom a typed beginning of a name or an address may mean. */
export async function peopleCalled({ directory }: Pick<AuditPagePorts, 'directory'>, query: string): Promise<Person[]> {
  const found = await Promise.all(
    (['staff', 'contact'] as const).map((kind) => directory.page({ kind, query }, { after: null, count: choices + 1 })),
  );
  return found.flat();
}

/** The choice between several people of one name; more than fit ask for more letters. */
export function choiceOf(people: readonly Person[], { values }: AuditQuery): object {
  return {
    people: people.slice(0, choices).map((person) => ({
      href: auditHref({ ...values, who: '', person: person.id }),
      name: person.name,
      about: [person.email, person.companyName ?? person.profileName].filter(Boolean).join(', '),
    })),
    more: people.length > choices,
  };
}

/** One page of rows, in words. */
export async function auditRows(
  ports: AuditPagePorts,
  page: { t: Translate; reader: Person; query: AuditQuery; filter: AuditFilter },
): Promise<object> {
  const { query, filter, t } = page;
  const found = await ports.audit.page(filter, query.after, pageSize + 1);
  const shown = found.slice(0, pageSize);
  const last = shown.at(-1);
  const names = await namesOf(shown, ports);
  return {
    rows: shown.map((row) => ({
      ...eventWords(row, { t, names, reader: page.reader }),
      at: row.at,
      failed: row.outcome === 'failure',
      from: placeOf(row, t),
      event: row.event,
      requestId: row.requestId,
      signInId: row.signInId ?? null,
      of: peopleOf(row).flatMap((id) => {
        const name = names.people.get(id)?.name ?? id;
        return id === query.values.person ? [] : [{ name, href: auditHref({ person: id }) }];
      }),
    })),
    pager: {
      first: query.after ? auditHref(query.values) : null,
      next: found.length > pageSize && last ? auditHref(query.values, { after: keyText(last) }) : null,
    },
  };
}

/** The people of a row, each once. */
function peopleOf({ actor, target }: StoredAuditRow): string[] {
  const ids = [actor, target].flatMap((party) =>
    party?.kind === 'person' && party.id !== undefined ? [party.id] : [],
  );
  return [...new Set(ids)];
}

/** Device and address; null for what happened outside any request. */
function placeOf(row: StoredAuditRow, t: Translate): { device: string; address: string } | null {
  if (row.address === null) return null;
  const device = describeDevice(row.userAgent ?? '');
  return {
    device: device ? [device.browser, device.system].filter(Boolean).join(', ') : t('audit.row.unknownDevice'),
    address: row.address,
  };
}
