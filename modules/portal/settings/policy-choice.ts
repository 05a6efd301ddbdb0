import { z } from 'zod';
import type { PersonKind } from '../../kernel/person.ts';
import type { ActiveFactor, Engine } from '../../mfa/engine.ts';
import { changePolicy } from '../../mfa/policy/change-policy.ts';
import { fixedForStaff, portalSettings, presetNames, type Policy, type PresetName } from '../../mfa/policy/policy.ts';
import { presets } from '../../mfa/policy/presets.ts';

/** What a Master Admin chose: the settings that are the portal's, and each factor's. Epochs and dates follow from them. */
export const policyChoice = portalSettings.extend({
  preset: z.enum(presetNames).nullable(),
  factors: z.record(z.string(), z.record(z.string(), z.unknown())),
});
export type PolicyChoice = z.infer<typeof policyChoice>;

/** What of a policy can be chosen. */
export function choiceOf(policy: Policy): PolicyChoice {
  return policyChoice.parse(policy);
}

/** A preset as a whole: the portal's half, and every installed factor's own. One that does not know the preset is off. */
export function presetChoice(engine: Engine, preset: PresetName): PolicyChoice {
  const factors = [...engine.factors.values()].map((factor) => [
    factor.definition.id,
    factor.presets[preset] ?? engine.settingsOf(factor.definition.id, { preset, factors: {} }),
  ]);
  return { ...presets[preset], preset, factors: Object.fromEntries(factors) as PolicyChoice['factors'] };
}

/** Why a choice can't be saved, as a catalogue key; null where it can. */
export function refusalOf(engine: Engine, audience: PersonKind, choice: PolicyChoice): string | null {
  for (const [id, settings] of Object.entries(choice.factors)) {
    const factor = engine.factors.get(id);
    if (factor && !factor.policy.strict().safeParse(settings).success) return 'settings.refused.factor';
  }
  const on = engine.availableTo(audience).filter((id) => engine.settingsOf(id, choice).enabled);
  // A policy that leaves nobody a factor to set up locks them out as soon as it asks for one.
  if (on.length === 0) return 'settings.refused.noFactor';
  return null;
}

/** The policy that a choice makes of the one in force. */
export function policyFrom(seen: Policy, choice: PolicyChoice, now: Date): Policy {
  return changePolicy(seen, { ...seen, ...choice }, now);
}

export interface SettingField {
  name: string;
  kind: 'choice' | 'number' | 'switch';
  options: readonly string[];
  min: number;
  max: number;
}

/** The settings of a schema as form fields, in its order. */
export function fieldsOf(schema: z.ZodObject): SettingField[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as {
    properties?: Record<string, { type?: string; enum?: string[]; minimum?: number; maximum?: number }>;
  };
  return Object.entries(properties).flatMap(([name, shape]): SettingField[] => {
    const common = { name, options: shape.enum ?? [], min: shape.minimum ?? 0, max: shape.maximum ?? 1000 };
    if (shape.enum) return [{ ...common, kind: 'choice' }];
    if (shape.type === 'boolean') return [{ ...common, kind: 'switch' }];
    return shape.type === 'integer' ? [{ ...common, kind: 'number' }] : [];
  });
}

/** The engine's own settings that mean something for a factor of this role, and the factor's. */
export function factorFields(factor: ActiveFactor): SettingField[] {
  const unused = factor.definition.traits.role === 'recovery' ? ['afterEnrol'] : ['mandatory'];
  return fieldsOf(factor.policy).filter(({ name }) => !unused.includes(name));
}

/** The portal's own settings that the audience's form has. */
export function portalFields(audience: PersonKind): SettingField[] {
  return fieldsOf(portalSettings).filter(({ name }) => audience === 'contact' || !Object.hasOwn(fixedForStaff, name));
}

/** The factors that the audience's form has. */
export function formFactors(engine: Engine, audience: PersonKind): ActiveFactor[] {
  const available = engine.availableTo(audience);
  return [...engine.factors.values()].filter(
    ({ definition: { id, traits } }) => traits.role === 'recovery' || available.includes(id),
  );
}

/** What of a choice the audience can have at all, whoever made it up: the rest is fixed, or stays as it is. */
export function forAudience(
  engine: Engine,
  audience: PersonKind,
  at: { seen: PolicyChoice; choice: PolicyChoice },
): PolicyChoice {
  const { seen, choice } = at;
  if (audience === 'contact') return choice;
  const own = formFactors(engine, audience).flatMap(({ definition: { id } }) => {
    const settings = choice.factors[id];
    return settings ? [[id, settings] as const] : [];
  });
  return { ...choice, ...fixedForStaff, preset: null, factors: { ...seen.factors, ...Object.fromEntries(own) } };
}

/** True for a policy that lets staff in on their password alone. */
export function isWeakForStaff(audience: PersonKind, choice: PolicyChoice): boolean {
  return audience === 'staff' && choice.mode !== 'required';
}

/** Reads the fields that the audience's form has, over what is in force. The names of those whose value is none of the options are in `wrong`. */
export function readChoice(
  engine: Engine,
  { audience, seen }: { audience: PersonKind; seen: PolicyChoice },
  body: Readonly<Record<string, unknown>>,
): { choice: PolicyChoice; wrong: string[] } {
  const wrong: string[] = [];
  const read = (fields: readonly SettingField[], prefix: string, before: Readonly<Record<string, unknown>>) => {
    const values: Record<string, unknown> = { ...before };
    for (const field of fields) {
      const name = `${prefix}${field.name}`;
      const given = Object.hasOwn(body, name) ? body[name] : undefined;
      const value = valueOf(field, given);
      if (value === undefined) wrong.push(name);
      else if (value !== null) values[field.name] = value;
    }
    return values;
  };
  const portal = read(portalFields(audience), '', portalSettings.parse(seen));
  const factors = Object.fromEntries(
    formFactors(engine, audience).map((factor) => {
      const { id } = factor.definition;
      return [id, read(factorFields(factor), `${id}.`, engine.settingsOf(id, seen))];
    }),
  );
  const parsed = portalSettings.safeParse(portal);
  return {
    choice: {
      ...(parsed.success ? parsed.data : portalSettings.parse(seen)),
      preset: seen.preset,
      factors: { ...seen.factors, ...factors },
    },
    wrong,
  };
}

// Undefined: not allowed. Null: left as it is, for a page need not show every setting. A checkbox that is not sent is off.
function valueOf(field: SettingField, given: unknown): string | number | boolean | null | undefined {
  if (field.kind === 'switch') return given === undefined ? false : given === 'yes' ? true : undefined;
  if (given === undefined) return null;
  if (typeof given !== 'string') return undefined;
  if (field.kind === 'choice') return field.options.includes(given) ? given : undefined;
  if (given.trim() === '') return null;
  const number = Number(given);
  return Number.isInteger(number) && number >= field.min && number <= field.max ? number : undefined;
}

export interface Difference {
  /** Empty for the portal's own settings. */
  factor: string;
  field: string;
  from: unknown;
  to: unknown;
}

/** What a choice changes, setting by setting. */
export function differences(engine: Engine, from: PolicyChoice, to: PolicyChoice): Difference[] {
  const own = Object.keys(portalSettings.shape).flatMap((field) => {
    const [a, b] = [from[field as keyof PolicyChoice], to[field as keyof PolicyChoice]];
    return a === b ? [] : [{ factor: '', field, from: a, to: b }];
  });
  const factors = [...engine.factors.values()].flatMap((factor) => {
    const { id } = factor.definition;
    const [before, after] = [engine.settingsOf(id, from), engine.settingsOf(id, to)];
    const fields = factorFields(factor).map(({ name }) => name);
    // What an unused factor would do is nothing that changes for anybody.
    const shown = after.enabled ? fields : fields.filter((name) => name === 'enabled');
    return shown.flatMap((field) =>
      before[field] === after[field] ? [] : [{ factor: id, field, from: before[field], to: after[field] }],
    );
  });
  return [...own, ...factors];
}
