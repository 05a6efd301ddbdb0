/** Customers sign in as contacts of a company; staff run the portal. Each audience has a policy of its own. */
export type PersonKind = 'contact' | 'staff';

export const permissions = [
  'customers.read',
  'customers.edit',
  'mfa.require.user',
  'mfa.reset.user',
  'mfa.policy',
  'users.manage',
  'audit.read',
  'reports.read',
] as const;
export type Permission = (typeof permissions)[number];

/** What the rest of the portal may know of a person; read anew at every request, never kept in a session (SES-14). */
export interface Person {
  id: string;
  kind: PersonKind;
  email: string;
  name: string;
  companyId: string | null;
  companyName: string | null;
  profileId: string | null;
  profileName: string | null;
  permissions: readonly Permission[];
  masterAdmin: boolean;
  disabled: boolean;
  /** Raised to end every sign-in of the person. */
  sessionEpoch: number;
  /** Staff's word on this person: nothing of its own, always, or never. */
  staffWord: 'inherit' | 'required' | 'exempt';
  /** The company administrators' word. */
  companyWord: 'inherit' | 'required';
  /** A running grace ends here; null: no grace. */
  graceUntil: Date | null;
  passwordSetAt: Date | null;
  /** The password has fewer than 15 code points: allowed only while a second factor is always asked (NIST SP 800-63B-4 3.1.1.2). */
  passwordShort: boolean;
  lastSignInAt: Date | null;
}
