import type { PersonKind } from '../../kernel/person.ts';
import type { Translate } from '../../kernel/ports.ts';
import type { Engine } from '../../mfa/engine.ts';
import { presetNames } from '../../mfa/policy/policy.ts';
import type { PolicyVersion } from '../../mfa/policy/policy-store.ts';
import type { PolicyEffect } from '../../mfa/policy/preview.ts';
import {
  differences,
  factorFields,
  formFactors,
  portalFields,
  presetChoice,
  type Difference,
  type PolicyChoice,
  type SettingField,
} from './policy-choice.ts';
import { settingKey } from './setting-words.ts';

function valueText(t: Translate, factor: string, field: string, value: unknown): string {
  if (typeof value === 'boolean') return t(value ? 'settings.value.yes' : 'settings.value.no');
  if (typeof value === 'string') return t(`${settingKey(factor, field)}.${value}`);
  return typeof value === 'number' ? String(value) : t('settings.value.default');
}

/** Each change as one row: which setting, what it was, what it will be. */
export function differenceRows(t: Translate, engine: Engine, changes: readonly Difference[]) {
  return changes.map(({ factor, field, from, to }) => ({
    setting: engine.factors.has(factor)
      ? `${t(`${factor}.name`)}: ${t(settingKey(factor, field))}`
      : t(settingKey(factor, field)),
    from: valueText(t, factor, field, from),
    to: valueText(t, factor, field, to),
  }));
}

/** The five presets side by side, in plain words, each with what it would change now. */
export function presetCards(t: Translate, engine: Engine, current: PolicyChoice) {
  return presetNames.map((preset) => {
    const changes = differences(engine, current, presetChoice(engine, preset));
    return {
      preset,
      name: t(`settings.preset.${preset}.name`),
      text: t(`settings.preset.${preset}.text`),
      inForce: current.preset === preset,
      changed: current.preset === preset && changes.length > 0,
      changes: differenceRows(t, engine, changes),
    };
  });
}

interface FormField extends SettingField {
  id: string;
  label: string;
  hint: string;
  value: unknown;
  choices: { value: string; label: string }[];
  wrong: boolean;
}

/** The single settings as a form: the portal's, then each factor's. What staff can't have is left out for them. */
export function policyFormPage(
  t: Translate,
  engine: Engine,
  at: { audience: PersonKind; choice: PolicyChoice; wrong: readonly string[] },
): { sections: { heading: string; fields: FormField[] }[]; errors: { field: string; text: string }[] } {
  const { audience, choice, wrong } = at;
  const asField = (factor: string, field: SettingField, value: unknown): FormField => {
    const key = settingKey(factor, field.name);
    const name = factor === '' ? field.name : `${factor}.${field.name}`;
    return {
      ...field,
      name,
      id: name.replaceAll('.', '-'),
      label: t(key),
      hint: t(`${key}.hint`),
      value,
      choices: field.options.map((option) => ({ value: option, label: t(`${key}.${option}`) })),
      wrong: wrong.includes(name),
    };
  };
  const portal = portalFields(audience).map((field) => asField('', field, choice[field.name as keyof PolicyChoice]));
  const factors = formFactors(engine, audience).map((factor) => {
    const { id } = factor.definition;
    const settings = engine.settingsOf(id, choice);
    return {
      heading: t(`${id}.name`),
      fields: factorFields(factor).map((field) => asField(id, field, settings[field.name])),
    };
  });
  const sections = [{ heading: t('settings.section.portal'), fields: portal }, ...factors];
  const errors = sections
    .flatMap(({ fields }) => fields)
    .filter((field) => field.wrong)
    .map((field) => ({ field: field.id, text: t('settings.refused.value', { label: field.label }) }));
  return { sections, errors };
}

/** What a change means to people, in sentences; says so where it means nothing. */
export function effectSentences(t: Translate, effect: PolicyEffect, anew: boolean): string[] {
  const counts = ['asked', 'later', 'deadlines', 'challenged', 'letGo', 'fewer', 'retired', 'stranded'] as const;
  const told = counts
    .filter((name) => effect[name] > 0)
    .map((name) => t(`settings.effect.${name}.${effect[name] === 1 ? 'one' : 'many'}`, { count: effect[name] }));
  return [
    ...(anew ? [t('settings.effect.anew')] : []),
    ...(told.length > 0 ? told : [t('settings.effect.none', { count: effect.people })]),
  ];
}

/** The page of the one switch. */
export function switchPage(current: PolicyVersion, error: string | null) {
  return {
    required: current.policy.mode === 'required',
    seen: current.version,
    form: { values: {}, errors: error === null ? [] : [{ field: 'required', text: error }] },
  };
}
