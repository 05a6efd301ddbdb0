import { z } from 'zod';
import type { PersonKind } from '../../kernel/person.ts';

/** The policy of one audience: every setting of C1-C15 that is not a factor's own. Presets and their pages set the same fields. */
export const policySchema = z.object({
  /** C1: what the portal asks of everybody. */
  mode: z.enum(['off', 'optional', 'required']),
  /** C2: may people turn their own factor off. */
  userMayDisable: z.enum(['never', 'unlessRequired']),
  /** C3: with the portal off, are the enrolled still asked. */
  whenOff: z.enum(['keepAsking', 'suspend']),
  /** C4: when the portal is switched on again, does everybody enrol anew. */
  onReenable: z.enum(['keep', 'reenrolAll']),
  /** C5: after a forced set-up, straight in or a new sign-in. */
  afterEnrol: z.enum(['continue', 'signInAgain']),
  /** C6: factors that are off for this audience; all others are on. */
  factorsOff: z.array(z.string()),
  multiple: z.enum(['single', 'many']),
  /** C12. */
  companyAdmins: z.enum(['off', 'manage', 'manageAndRequire']),
  /** C13: the proof for turning a factor off. */
  disableProof: z.enum(['code', 'password', 'both']),
  /** Days from the requirement to the first forced set-up. */
  graceDays: z.number().int().min(0).max(90),
  /** Raised to ask everybody to enrol again; enrolments of an older epoch no longer count. */
  enrolmentEpoch: z.number().int().min(0),
});

export type Policy = z.infer<typeof policySchema>;

const fresh: Policy = {
  mode: 'optional',
  userMayDisable: 'unlessRequired',
  whenOff: 'keepAsking',
  onReenable: 'keep',
  afterEnrol: 'continue',
  factorsOff: [],
  multiple: 'many',
  companyAdmins: 'off',
  disableProof: 'code',
  graceDays: 0,
  enrolmentEpoch: 0,
};

/** The policy of a fresh portal. Staff must always have a factor. */
export const freshPolicies: Readonly<Record<PersonKind, Policy>> = {
  contact: fresh,
  staff: { ...fresh, mode: 'required', userMayDisable: 'never' },
};
