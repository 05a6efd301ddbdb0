import { stateOf, type ContactState, type RequiredOf } from '../../accounts/directory.ts';
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
  page: { required: RequiredOf; t: Translate },
): { state: string; label: string } {
  const state = stateOf(contact, page.required);
  return { state: badges[state], label: page.t(`staff.state.${state}`) };
}

/** Of whom the portal and the groups require a factor, whatever was said of them alone. */
export async function requiredOf(engine: Engine): Promise<RequiredOf> {
  const [{ mode }, groups] = await Promise.all([engine.policies.of('contact'), engine.groups.companiesByWord()]);
  return { all: mode === 'required', groups };
}
