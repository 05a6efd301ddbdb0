import type { Translate } from '../../kernel/ports.ts';

/** The catalogue key of a setting: the portal's own texts are in the shared catalogue, a factor's in its own. */
export const settingKey = (factor: string, field: string) =>
  factor === '' || ['enabled', 'mandatory', 'afterEnrol'].includes(field)
    ? `settings.field.${field}`
    : `${factor}.policy.${field}`;

/** A change of a setting as the audit keeps it (`<field>` or `<factor>:<field>`, `<from> -> <to>`), in words. */
export function settingWords(t: Translate, name: string, change: string): { term: string; text: string } {
  const [field = '', factor = ''] = name.split(':').reverse();
  const key = settingKey(factor, field);
  // A factor that is gone took its words along: then what the audit kept is shown as it is.
  const word = (wanted: string, kept: string) => {
    const text = t(wanted);
    return text === wanted ? kept : text;
  };
  const value = (text: string) => {
    if (text === 'true' || text === 'false') return t(text === 'true' ? 'settings.value.yes' : 'settings.value.no');
    if (text === 'null' || text === 'undefined') return t('settings.value.default');
    return /^\d+$/.test(text) ? text : word(`${key}.${text}`, text);
  };
  const [before = '', after = ''] = change.split(' -> ');
  const term = word(key, field);
  return {
    term: factor === '' ? term : `${word(`${factor}.name`, factor)}: ${term}`,
    text: t('auditWords.change', { before: value(before), after: value(after) }),
  };
}
