import type { Person } from '../kernel/person.ts';
import type { Decision, Translate } from '../kernel/ports.ts';

/** The sentence that tells a person why they are asked for a second factor, or are not. */
export function reasonText(t: Translate, person: Person, decision: Decision): string {
  const forStaff = person.kind === 'staff' && decision.reason === 'requiredByPortal';
  const days = decision.outcome === 'satisfied' ? (decision.daysLeft ?? 0) : 0;
  return t(`policy.reason.${forStaff ? 'requiredForStaff' : decision.reason}`, { days });
}
