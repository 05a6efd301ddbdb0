import type { PortalSettings, PresetName } from './policy.ts';

const shared = {
  userMayDisable: 'never',
  whenOff: 'keepAsking',
  onReenable: 'keep',
  multiple: 'many',
  companyAdmins: 'off',
  disableProof: 'code',
  graceDays: 0,
  trustedDeviceDays: 0,
} as const satisfies Partial<PortalSettings>;

/**
 * The portal's half of each preset. Which factors it offers, and how they behave, is in each factor's own `presets/<preset>.json`;
 * a factor without such a file is off under that preset.
 */
export const presets: Readonly<Record<PresetName, PortalSettings>> = {
  'per-customer-app': { ...shared, mode: 'off', whenOff: 'suspend' },
  'everyone-sms': { ...shared, mode: 'required', whenOff: 'suspend', onReenable: 'reenrolAll', multiple: 'single' },
  'self-service-app': {
    ...shared,
    mode: 'optional',
    userMayDisable: 'unlessRequired',
    companyAdmins: 'manageAndRequire',
  },
  'everyone-app': { ...shared, mode: 'required' },
  'pick-one-method': { ...shared, mode: 'optional', userMayDisable: 'unlessRequired', multiple: 'single' },
};
