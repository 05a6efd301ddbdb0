import type { FactorHost } from '../../../kernel/factor.ts';
import type { Guard } from '../guard/guard.ts';
import type { Ledger } from '../guard/ledger.ts';
import type { Going } from '../trouble.ts';

/** What staff's pages need of the portal. */
export type StaffHost = Pick<
  FactorHost<unknown>,
  'model' | 'now' | 'router' | 'allow' | 'freshly' | 'person' | 'personOf' | 'translate' | 'audit'
>;

/** What staff's pages show and change. */
export interface StaffPorts {
  host: StaffHost;
  guard: Guard;
  ledger: Ledger;
  /** How each gateway is doing, whichever process found out. */
  going(): Promise<Going>;
}
