import type { AuditRow } from '../../audit/audit-trail.ts';
import { profileById } from '../../accounts/profiles.ts';
import type { Translate } from '../../kernel/ports.ts';
import { trustedDeviceMethod } from '../../kernel/sign-in.ts';
import { settingWords } from '../settings/setting-words.ts';
import type { EventNames } from './audit-names.ts';
import { kindWords } from './mail-page.ts';

/**
 * What an event's detail may tell, and in which words. A change is written as `<name>Before` and `<name>After`; where the values are a
 * person's (name, address) as `<name>: 'changed'`, for the audit outlives the person and keeps no more of them than an id (LOG-4).
 */
export const auditDetails = [
  'announcement',
  'company',
  'companyAdmin',
  'companyWord',
  'count',
  'email',
  'enrolment',
  'from',
  'graceUntil',
  'kind',
  'mails',
  'method',
  'methods',
  'name',
  'newDevice',
  'path',
  'profile',
  'purpose',
  'reference',
  'removed',
  'searched',
  'staffWord',
  'state',
  'word',
] as const;

/** Values of details that have words of their own. */
export const auditValues = [
  'disable',
  'exempt',
  'inherit',
  'no',
  'password',
  'required',
  'setUp',
  'signIn',
  'stepUp',
  'trustedDevice',
  'yes',
] as const;

/** What an event tells besides who and whom, each with its term. */
export function detailWords(
  row: Pick<AuditRow, 'event' | 'detail'>,
  { t, names }: { t: Translate; names: EventNames },
): { term: string; text: string }[] {
  const detail = row.detail ?? {};
  if (row.event === 'policy.changed')
    return Object.entries(detail).map(([key, value]) => settingWords(t, key, String(value)));
  const words = (name: string, value: Value) => valueWords({ t, names }, name, value);
  return Object.entries(detail).flatMap(([key, value]) => {
    if (key.endsWith('After')) return [];
    const name = key.replace(/Before$/, '');
    const term = (auditDetails as readonly string[]).includes(name) ? t(`auditDetail.${name}`) : name;
    if (name === key) return [{ term, text: words(name, value) }];
    const after = words(name, detail[`${name}After`] ?? null);
    return [{ term, text: t('auditWords.change', { before: words(name, value), after }) }];
  });
}

type Value = string | number | boolean | null;

function valueWords({ t, names }: { t: Translate; names: EventNames }, name: string, value: Value): string {
  if (value === null) return '–';
  if (typeof value === 'boolean') return t(value ? 'auditValue.yes' : 'auditValue.no');
  const text = String(value);
  if (text === 'changed') return t('auditWords.changed');
  if (name === 'kind') return kindWords(text, t);
  if (name === 'company') return names.companies.get(text) ?? t('auditWords.gone', { id: text });
  if (name === 'word') return t(`settings.groups.word.${text}`);
  if (name === 'state') return t(`staff.state.${text}`);
  if (name === 'profile') return profileById(text)?.name ?? text;
  if (name === 'methods')
    return text
      .split(' ')
      .map((method) => methodWords(t, method))
      .join(', ');
  return (auditValues as readonly string[]).includes(text) ? t(`auditValue.${text}`) : text;
}

function methodWords(t: Translate, method: string): string {
  if (method === 'password') return t('auditValue.password');
  return method === trustedDeviceMethod ? t('auditValue.trustedDevice') : factorName(t, method);
}

/** The factor's name; its id where its folder is gone. */
export function factorName(t: Translate, factor: string): string {
  const key = `${factor}.name`;
  const name = t(key);
  return name === key ? factor : name;
}
