import { permissions, type Permission } from '../kernel/person.ts';

/** A named set of permissions; `masterAdmin` adds the portal-wide settings. */
export interface Profile {
  id: string;
  name: string;
  permissions: readonly Permission[];
  masterAdmin: boolean;
}

const support: readonly Permission[] = ['customers.read'];
const salesManager: readonly Permission[] = [...support, 'customers.edit', 'mfa.require.user', 'mfa.reset.user'];
const admin: readonly Permission[] = [...salesManager, 'users.manage', 'audit.read', 'reports.read'];

/** The profiles that every portal has. A profile that is not known gives nothing: it fails closed. */
export const builtInProfiles: readonly Profile[] = [
  { id: 'support', name: 'Support', permissions: support, masterAdmin: false },
  { id: 'sales-manager', name: 'Sales manager', permissions: salesManager, masterAdmin: false },
  { id: 'admin', name: 'Admin', permissions: admin, masterAdmin: false },
  { id: 'master-admin', name: 'Master Admin', permissions, masterAdmin: true },
];

/** The ids of the profiles whose members run the whole portal. */
export const masterAdminProfiles: readonly string[] = builtInProfiles
  .filter(({ masterAdmin }) => masterAdmin)
  .map(({ id }) => id);

/** What stands on a member of staff for a profile that the portal made itself; null for a built-in one. */
export function grantsOf(profile: Profile): Omit<Profile, 'id'> | null {
  if (profileById(profile.id)) return null;
  const { name, permissions: allowed, masterAdmin } = profile;
  return { name, permissions: allowed, masterAdmin };
}

/** A built-in profile by its id; null when there is none of that id. */
export function profileById(id: string | null): Profile | null {
  return builtInProfiles.find((profile) => profile.id === id) ?? null;
}
