/** Customers sign in as contacts of a company; staff run the portal. Each audience has a policy of its own. */
export type PersonKind = 'contact' | 'staff';

/** The languages that pages and mails are written in; the first is what everything falls back to. */
export const languages = ['en', 'de'] as const;
export type Language = (typeof languages)[number];

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

export type MfaState = 'none' | 'enrolled';

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
  /** Null: as the browser asks, and English in mails. */
  language: Language | null;
  /** An IANA time zone; null: UTC. */
  timeZone: string | null;
  /** Somebody opened a link that was mailed to the address (D16). */
  emailConfirmed: boolean;
  /** False until the invitation is taken up. */
  hasPassword: boolean;
  /** Kept for lists and reports: `enrolled` once a primary factor is set up, else `none`. */
  mfaState: MfaState;
  /** Raised to end every sign-in of the person. */
  sessionEpoch: number;
  /** Staff's word on this person: nothing of its own, always, or never. */
  staffWord: 'inherit' | 'required' | 'exempt';
  /** The company administrators' word. */
  companyWord: 'inherit' | 'required';
  /** Administers the portal users of their own company (P8). */
  companyAdmin: boolean;
  /** Disabled by an administrator of their own company, who may take that back; what staff did only staff take back. */
  disabledByCompany: boolean;
  /** Staff's own deadline for this person, which may have passed; null: the policy's days hold. */
  graceUntil: Date | null;
  passwordSetAt: Date | null;
  /** The password has fewer than 15 code points: allowed only while a second factor is always asked (NIST SP 800-63B-4 3.1.1.2). */
  passwordShort: boolean;
  lastSignInAt: Date | null;
  createdAt: Date;
}
