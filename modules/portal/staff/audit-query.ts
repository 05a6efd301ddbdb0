import type { Request } from 'express';
import { z } from 'zod';
import type { AuditFilter, AuditKey, StoredAuditRow } from '../../audit/audit-trail.ts';
import { Refused } from '../../kernel/errors.ts';
import type { Translate } from '../../kernel/ports.ts';
import { readQuery, type FormView } from '../../platform/http/forms.ts';
import { readDay, startOfDay } from './audit-dates.ts';

const path = '/staff/audit';

const query = z.object({
  event: z.string().max(100).default(''),
  outcome: z.string().max(20).default(''),
  /** The id of the person whose events are wanted: a link's, or one chosen. */
  person: z.string().max(100).default(''),
  /** What was typed to find a person. */
  who: z.string().max(200).default(''),
  from: z.string().max(40).default(''),
  to: z.string().max(40).default(''),
  after: z.string().max(100).optional(),
});

/** What the address of the audit says, as the form shows it again. */
export interface AuditQuery {
  values: Record<'event' | 'outcome' | 'person' | 'who' | 'from' | 'to', string>;
  after: AuditKey | null;
}

/** Reads the address. What no form could have sent is left aside, and a forged place in the list is 400. */
export function readAuditQuery(req: Request, events: readonly string[]): AuditQuery {
  const { after, ...values } = readQuery(req, query);
  const outcome = values.outcome === 'success' || values.outcome === 'failure' ? values.outcome : '';
  const person = /^[0-9a-f]{24}$/.test(values.person) ? values.person : '';
  const event = events.includes(values.event) ? values.event : '';
  return {
    values: {
      ...values,
      event,
      outcome,
      person,
      who: values.who.trim(),
      from: values.from.trim(),
      to: values.to.trim(),
    },
    after: after === undefined ? null : readKey(after),
  };
}

/** The filter for the trail, in the reader's time zone; errors for days that are none. */
export function filterOf(
  { values }: AuditQuery,
  { t, timeZone }: { t: Translate; timeZone: string },
): { filter: AuditFilter; errors: FormView['errors'] } {
  const { event, outcome, person, from, to } = values;
  const [first, last] = [readDay(from), readDay(to)];
  const errors = [
    ...(from !== '' && !first ? [{ field: 'from', text: t('audit.filter.noDay') }] : []),
    ...(to !== '' && !last ? [{ field: 'to', text: t('audit.filter.noDay') }] : []),
    ...(first && last && from > to ? [{ field: 'to', text: t('audit.filter.order') }] : []),
  ];
  const filter: AuditFilter = {
    ...(event === '' ? {} : { event }),
    ...(outcome === '' ? {} : { outcome: outcome as 'success' | 'failure' }),
    ...(person === '' ? {} : { personId: person }),
    ...(first ? { from: startOfDay(first, timeZone) } : {}),
    ...(last ? { before: startOfDay(last, timeZone, 1) } : {}),
  };
  return { filter, errors };
}

/** The address of the audit with these values. */
export function auditHref(values: Partial<AuditQuery['values']>, more: Record<string, string> = {}): string {
  const given = Object.entries({ ...values, ...more }).filter(([, value]) => value !== '');
  return given.length === 0 ? path : `${path}?${new URLSearchParams(Object.fromEntries(given)).toString()}`;
}

/** A row's place in the list, as it stands in an address. */
export function keyText(row: StoredAuditRow): string {
  return `${String(row.at.getTime())}-${row._id.toHexString()}`;
}

function readKey(text: string): AuditKey {
  const [, time = '', id = ''] = /^(\d{1,15})-([0-9a-f]{24})$/.exec(text) ?? [];
  if (id === '') throw new Refused('bad-request');
  return { at: new Date(Number(time)), id };
}
