// Another policy for a test, as a Master Admin would save it.
import type { Policy } from '../../modules/mfa/policy/policy.ts';
import type { PersonKind } from '../../modules/kernel/person.ts';
import type { Portal } from '../../server.ts';

/** Puts changes of the policy in force, whatever it is. */
export async function setPolicy(
  portal: Pick<Portal, 'engine' | 'clock'>,
  change: Partial<Policy>,
  audience: PersonKind = 'contact',
): Promise<Policy> {
  const { policies } = portal.engine;
  const { version, policy } = await policies.current(audience);
  const next = { ...policy, ...change };
  const saved = await policies.replace(audience, {
    seen: version,
    policy: next,
    at: portal.clock.now(),
    by: null,
    reason: 'test',
  });
  if (!saved) throw new Error('Somebody else changed the policy.');
  return next;
}
