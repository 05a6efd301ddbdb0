import { stateOf, type ContactState } from '../../accounts/directory.ts';
import type { Person } from '../../kernel/person.ts';
import type { Translate } from '../../kernel/ports.ts';
import type { Engine } from '../../mfa/engine.ts';

const badges: Readonly<Record<ContactState, string>> = {
  enrolled: 'on',
  notEnrolled: 'off',
  waiting: 'required',
  exempt: 'recommended',
  invited: 'off',
  disabled: 'unavailable',
};

/** A contact's state in words, with the colour that goes with it. */
export function stateBadge(
  contact: Person,
  page: { requiredOfAll: boolean; t: Translate },
): { state: string; label: string } {
  const state = stateOf(contact, page);
  return { state: badges[state], label: page.t(`staff.state.${state}`) };
}

/** True where the portal asks every contact for a factor. */
export async function isRequiredOfAll(engine: Engine): Promise<boolean> {
  return (await engine.policies.of('contact')).mode === 'required';
}
