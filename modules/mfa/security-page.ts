import type { Response } from 'express';
import type { Decision, Translate } from '../kernel/ports.ts';
import type { Person } from '../kernel/person.ts';
import { translateOf, type ActiveFactor, type Engine } from './engine.ts';
import { asEnrolment, type EnrolmentRow } from './enrolments.ts';
import { enrolmentLimit } from './factor-host.ts';
import { abilitiesOf, decide, mayRemove, mayReplace, requirementOf, type Facts } from './policy/decide.ts';
import { reasonText } from './reason-text.ts';
import type { SecurityState } from './security-card.ts';

/** A person's factors as their security page shows them, and what the policy says of them. */
export interface SecurityPage {
  requirement: string;
  /** Until then a second step must be set up; null: no grace is running. */
  graceUntil: Date | null;
  mayDisable: boolean;
  /** Who has a second step and may not turn it off is told whom to ask (P5); null: they may, or have none. */
  keptOnBy: 'company' | 'operator' | null;
  factors: object[];
}

/** What the security page tells of the second step. */
export async function securityPage(engine: Engine, person: Person, res: Response): Promise<SecurityPage> {
  const t = translateOf(res);
  const facts = await engine.facts(person);
  const decision = decide(facts);
  const abilities = abilitiesOf(facts);
  const rows = await engine.enrolments.activeOf(person.id);
  const offers = engine.offered(facts);
  const factors = [];
  for (const factor of engine.factors.values()) {
    const offered = offers.includes(factor.definition.id);
    const own = rows.filter((row) => row.factor === factor.definition.id && row.epoch === facts.policy.enrolmentEpoch);
    if (own.length > 0 || offered)
      factors.push(await factorCard({ engine, factor, own, offered, facts, decision, t, person }));
  }
  const keepsOn = decision.outcome === 'verify' && !decision.retired && !abilities.mayDisable;
  return {
    requirement: reasonText(t, person, decision),
    graceUntil: decision.reason === 'grace' ? facts.graceUntil : null,
    mayDisable: abilities.mayDisable,
    keptOnBy: keepsOn ? (requirementOf(facts).by === 'company' ? 'company' : 'operator') : null,
    factors,
  };
}

interface FactorFacts {
  engine: Engine;
  factor: ActiveFactor;
  own: readonly EnrolmentRow[];
  offered: boolean;
  facts: Facts;
  decision: Decision;
  t: Translate;
  person: Person;
}

async function factorCard({ engine, factor, own, offered, facts, decision, t, person }: FactorFacts): Promise<object> {
  const { id, traits } = factor.definition;
  const replaceable = mayReplace(facts) && (await engine.replacementsOf(id, person, facts)).length > 0;
  const isOn = [...facts.available, ...facts.recovery].includes(id);
  const lines = [];
  for (const row of own) {
    // Their pages are not there while the factor is off.
    const actions = (isOn ? await factor.running.actions?.(person, asEnrolment(row)) : null) ?? [];
    lines.push({
      ...enrolmentLine(row, facts, traits.role === 'primary', replaceable),
      actions: actions.map(({ key, href }) => ({ href, label: t(key) })),
      // Words of its own here too: "Delete number", say.
      ...(t(`${id}.remove`) === `${id}.remove` ? {} : { removeLabel: t(`${id}.remove`) }),
    });
  }
  const summary = await factor.running.summarise(person.id);
  const mayAdd = offered && (traits.role === 'recovery' || abilitiesOf(facts).mayAddAnother);
  const href = `/account/factors/${id}`;
  // Words of its own are a factor's choice: a missing text comes back as its key.
  const setUpKey = `${id}.setUp`;
  const setUpLabel = t(setUpKey);
  // A recovery factor is set up once and then managed; of a primary one there may be several.
  const manages = traits.role === 'recovery' && own.length > 0;
  return {
    id,
    label: t(`${id}.name`),
    summary: summary ? t(summary.key, summary.params) : t(`${id}.description`),
    state: stateOf({ facts, decision, id, own: own.length }),
    enrolments: lines,
    setUpHref: mayAdd && !manages && own.length < enrolmentLimit(factor.definition) ? href : null,
    ...(own.length === 0 && setUpLabel !== setUpKey ? { setUpLabel } : {}),
    ...(manages && mayAdd ? { manageHref: href, manageLabel: t(`${id}.manage`) } : {}),
    // Blocked with its reason rather than left out: people look for it (W3).
    note: offered && !mayAdd && own.length === 0 ? t('enrolment.refused.deactivateFirst') : null,
  };
}

function stateOf(at: { facts: Facts; decision: Decision; id: string; own: number }): SecurityState {
  if (at.facts.enrolments.some((one) => one.factor === at.id && one.stuck)) return 'unavailable';
  if (at.own > 0) return 'on';
  return at.decision.outcome === 'satisfied' && at.decision.recommended ? 'recommended' : 'off';
}

function enrolmentLine(row: EnrolmentRow, facts: Facts, isPrimary: boolean, replaceable: boolean): object {
  const id = row._id.toHexString();
  return {
    id,
    name: row.name,
    lastUsed: row.lastUsedAt,
    created: row.confirmedAt ?? row.createdAt,
    // Of a recovery factor there is one: its name tells nothing apart.
    ...(isPrimary ? { renameAction: `/account/enrolments/${id}/rename` } : {}),
    ...(isPrimary && replaceable ? { replaceHref: `/account/enrolments/${id}/replace` } : {}),
    ...(mayRemove(facts, id) ? { removeHref: `/account/enrolments/${id}/remove` } : {}),
  };
}
