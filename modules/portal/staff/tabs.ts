import type { Permission, Person } from '../../kernel/person.ts';
import type { Translate } from '../../kernel/ports.ts';

/** A tab of staff's pages. */
export interface StaffTab {
  href: string;
  key: string;
  permission: Permission;
  also?: RegExp;
}

/** The tabs of staff's pages, in their order, and whose they are. */
const tabs: readonly StaffTab[] = [
  { href: '/staff/customers', key: 'staff.tab.customers', permission: 'customers.read', also: /^\/staff\/contacts\// },
  { href: '/staff/users', key: 'staff.tab.users', permission: 'users.manage' },
  { href: '/staff/audit', key: 'staff.tab.audit', permission: 'audit.read' },
  { href: '/staff/mail', key: 'staff.tab.mail', permission: 'audit.read' },
  { href: '/staff/settings', key: 'staff.tab.settings', permission: 'mfa.policy' },
];

/** What the person's profile does not allow is not shown. */
export function staffTabs(
  person: Person,
  path: string,
  t: Translate,
  more: readonly StaffTab[] = [],
): { href: string; label: string; current: boolean }[] {
  return [...tabs.slice(0, -1), ...more, ...tabs.slice(-1)]
    .filter(({ permission }) => person.permissions.includes(permission))
    .map(({ href, key, also }) => ({
      href,
      label: t(key),
      current: path === href || path.startsWith(`${href}/`) || (also?.test(path) ?? false),
    }));
}
