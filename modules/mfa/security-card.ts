import type { Person } from '../kernel/person.ts';
import type { Translate } from '../kernel/ports.ts';
import type { Engine } from './engine.ts';
import { decide } from './policy/decide.ts';

export type SecurityState = 'on' | 'off' | 'recommended' | 'required' | 'unavailable';

export interface SecurityCard {
  state: SecurityState;
  summary: string;
  factors: { label: string; summary: string }[];
  /** Days left to set a required one up; null: no grace is running. */
  daysLeft: number | null;
}

/** How a person's sign-in is guarded, in one card. */
export async function securityCard(engine: Engine, person: Person, t: Translate): Promise<SecurityCard> {
  const facts = await engine.facts(person);
  const decision = decide(facts);
  const state = stateOf(decision);
  const factors = [];
  for (const factor of engine.factors.values()) {
    const summary = await factor.running.summarise(person.id);
    if (summary) factors.push({ label: t(`${factor.definition.id}.name`), summary: t(summary.key, summary.params) });
  }
  const daysLeft = decision.outcome === 'satisfied' ? (decision.daysLeft ?? null) : null;
  return {
    state,
    daysLeft,
    summary: t(`account.home.state${state.charAt(0).toUpperCase()}${state.slice(1)}`),
    factors,
  };
}

function stateOf(decision: ReturnType<typeof decide>): SecurityState {
  switch (decision.outcome) {
    case 'verify':
      return 'on';
    case 'blocked':
      return 'unavailable';
    case 'enrol':
      return 'required';
    case 'satisfied':
      if (decision.daysLeft !== undefined) return 'required';
      return decision.recommended ? 'recommended' : 'off';
  }
}
