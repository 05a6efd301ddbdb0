import { z } from 'zod';
import type { PersonKind } from '../../kernel/person.ts';

/** The presets, by their code names; `fresh` is a portal that chose none. Each stands for how one kind of portal does it. */
export const presetNames = [
  'per-customer-app',
  'everyone-sms',
  'self-service-app',
  'everyone-app',
  'pick-one-method',
] as const;
export type PresetName = (typeof presetNames)[number];

/** The settings of one audience that are the portal's; the ids say which contradiction each one settles (docs/policy.md). */
export const portalSettings = z.object({
  /** C1: what the portal asks of everybody. */
  mode: z.enum(['off', 'optional', 'required']),
  /** C2: may people turn their own factor off. */
  userMayDisable: z.enum(['never', 'unlessRequired']),
  /** C3: with the portal off, are the enrolled still asked. */
  whenOff: z.enum(['keepAsking', 'suspend']),
  /** C4: when the portal is switched on again, does everybody enrol anew. */
  onReenable: z.enum(['keep', 'reenrolAll']),
  /** C6: one primary factor at a time, or several. */
  multiple: z.enum(['single', 'many']),
  /** C12: what companies' own administrators may do. */
  companyAdmins: z.enum(['off', 'manage', 'manageAndRequire']),
  /** C13: the proof for turning a factor off. */
  disableProof: z.enum(['code', 'password', 'both']),
  /** Days from the requirement to the first forced set-up. */
  graceDays: z.number().int().min(0).max(90),
  /** For how many days a browser may be trusted with the password alone; 0: never. Customers only (NIST SP 800-63B-4 5.1: it is no factor). */
  trustedDeviceDays: z.number().int().min(0).max(30),
});

export type PortalSettings = z.infer<typeof portalSettings>;

/** What staff can't choose, and has one value for them: no days without a factor, no browser that is trusted, nothing that lets the enrolled off. */
export const fixedForStaff = {
  whenOff: 'keepAsking',
  onReenable: 'keep',
  companyAdmins: 'off',
  graceDays: 0,
  trustedDeviceDays: 0,
} as const satisfies Partial<PortalSettings>;

/** The policy of one audience: the portal's settings, and what each factor's own are. */
export const policySchema = portalSettings.extend({
  /** Whose words and labels are in force (C14), and where a factor's settings come from that the policy does not name. */
  preset: z.enum(presetNames).nullable(),
  /** By factor id. Each factor knows its own; the engine knows `enabled`, `mandatory` and `afterEnrol`. */
  factors: z.record(z.string(), z.record(z.string(), z.unknown())),
  /** Raised to ask everybody to enrol again; enrolments of an older epoch no longer count. */
  enrolmentEpoch: z.number().int().min(0),
  /** Since when everybody is required, for the grace that begins then; null: no grace runs. */
  requiredSince: z.date().nullable(),
});

export type Policy = z.infer<typeof policySchema>;

/** The settings of every factor that the engine itself acts on; a factor's manifest adds its own. */
export const factorSettings = z.object({
  /** C6, C7: may people of this audience set it up and use it. */
  enabled: z.boolean().default(true),
  /** C7: recovery factors may be demanded of everybody who sets up a primary one. */
  mandatory: z.boolean().default(false),
  /** C5: after a forced set-up, straight in or a new sign-in. */
  afterEnrol: z.enum(['continue', 'signInAgain']).default('continue'),
});

export type FactorSettings = z.infer<typeof factorSettings> & Readonly<Record<string, unknown>>;

const fresh: Policy = {
  preset: null,
  mode: 'optional',
  userMayDisable: 'unlessRequired',
  whenOff: 'keepAsking',
  onReenable: 'keep',
  multiple: 'many',
  companyAdmins: 'off',
  disableProof: 'code',
  graceDays: 0,
  trustedDeviceDays: 0,
  factors: {},
  enrolmentEpoch: 0,
  requiredSince: null,
};

/** The policy of a fresh portal. Staff must always have a factor. */
export const freshPolicies: Readonly<Record<PersonKind, Policy>> = {
  contact: fresh,
  staff: { ...fresh, mode: 'required', userMayDisable: 'never' },
};
