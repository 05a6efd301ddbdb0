import type { FactorHost } from '../../../kernel/factor.ts';

/** What the guard needs of the portal. */
export type GuardHost = Pick<FactorHost<unknown>, 'model' | 'now' | 'fingerprint' | 'auditAlone' | 'tellStaff' | 'log'>;
