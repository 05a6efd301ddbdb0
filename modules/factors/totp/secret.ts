import type { Request } from 'express';
import type { Enrolment, FactorHost } from '../../kernel/factor.ts';
import type { TotpState } from './state.ts';

export type TotpHost = FactorHost<TotpState>;
export type Authenticator = Enrolment<TotpState>;

/** The secret of an enrolment; null, noted in the audit, when it cannot be opened: such an enrolment never verifies (TOTP-9). */
export async function openSecret(host: TotpHost, req: Request, authenticator: Authenticator): Promise<string | null> {
  try {
    return host.open(authenticator.id, authenticator.personId, authenticator.state.sealedSecret);
  } catch {
    // The cause is dropped: it could carry sealed bytes, and a lost key, a changed byte or another row's text are one case here.
    await host.audit(req, 'secret-unreadable', { outcome: 'failure', enrolmentId: authenticator.id });
    return null;
  }
}

/** Whether an enrolment could ever verify. Tells nobody: the engine asks it of every person it decides about. */
export function isSound(host: TotpHost, enrolment: Enrolment<unknown>): boolean {
  try {
    host.open(enrolment.id, enrolment.personId, (enrolment.state as TotpState).sealedSecret);
    return true;
  } catch {
    return false;
  }
}
