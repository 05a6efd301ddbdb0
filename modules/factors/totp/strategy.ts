import type { Request } from 'express';
import passport from 'passport';
import type { MessageParams } from '../../kernel/errors.ts';
import { stateAfterHint, stateAfterUse } from './state.ts';
import { openSecret, type Authenticator, type TotpHost } from './secret.ts';
import { checkCode, offsetMinutes, readCode, type Verdict } from './verify.ts';

/** Why a proof was refused: a catalogue key. What `fail` hands to the challenge page. */
export interface ProofRefusal {
  key: string;
  params?: MessageParams;
}

interface Judged {
  authenticator: Authenticator;
  secret: string;
  verdict: Verdict;
}

type Settled = { enrolmentId: string } | { refused: ProofRefusal };

/** Rounds of read, check and compare-and-set. A lost race on the same step ends in the second round: the step is used up by then. */
const swapRounds = 5;
const notRight: ProofRefusal = { key: 'challenge.refused.code' };

/** Asks for a code of any of the person's authenticators. Stateless, shared by concurrent requests; never touches the session. */
export class TotpStrategy extends passport.Strategy {
  private readonly host: TotpHost;

  constructor(host: TotpHost) {
    super();
    this.host = host;
  }

  override authenticate(req: Request): void {
    this.settle(req).catch((error: unknown) => {
      this.error(error);
    });
  }

  private async settle(req: Request): Promise<void> {
    const { person } = this.host.asked(req);
    const settled = await proveCode(this.host, req, { personId: person.id, typed: typedCode(req) });
    if ('refused' in settled) {
      this.fail(settled.refused);
      return;
    }
    this.success(person, settled);
  }
}

/** The hint for an offset; shown only where the steps it speaks of can no longer be used. */
export function clockRefusal(offsetSteps: number): ProofRefusal {
  const key = offsetSteps > 0 ? 'totp.field.clockHint.fast' : 'totp.field.clockHint.slow';
  return { key, params: { minutes: offsetMinutes(offsetSteps) } };
}

async function proveCode(host: TotpHost, req: Request, proof: { personId: string; typed: unknown }): Promise<Settled> {
  const code = readCode(proof.typed);
  if (code === null) return { refused: notRight };
  for (let round = 0; round < swapRounds; round += 1) {
    const judged = await judgeAll(host, req, { personId: proof.personId, code });
    const settled = (await acceptRight(host, judged)) ?? (await hintAtClock(host, req, judged));
    if (settled === 'lost') continue;
    if (settled) return settled;
    await noteRefusal(host, req, judged);
    return { refused: notRight };
  }
  // Fails closed: somebody else keeps changing the enrolment, and a step that was not stored was not accepted.
  return { refused: notRight };
}

async function judgeAll(host: TotpHost, req: Request, proof: { personId: string; code: string }): Promise<Judged[]> {
  const judged: Judged[] = [];
  for (const authenticator of await host.enrolments.list(proof.personId)) {
    const secret = await openSecret(host, req, authenticator);
    if (secret === null) continue;
    const { lastStep, hintedSteps } = authenticator.state;
    const verdict = checkCode({ secret, code: proof.code, lastStep, hintedSteps, now: host.now() });
    judged.push({ authenticator, secret, verdict });
  }
  return judged;
}

async function acceptRight(host: TotpHost, judged: readonly Judged[]): Promise<Settled | 'lost' | null> {
  for (const { authenticator, secret, verdict } of judged) {
    if (verdict.outcome !== 'right') continue;
    // Sealed afresh at each use: after a rotation the secret moves to the newest key by itself.
    const sealedSecret = host.seal(authenticator.id, authenticator.personId, secret);
    const next = stateAfterUse(authenticator.state, { step: verdict.step, sealedSecret, now: host.now() });
    // ASVS 15.4.2: twenty requests with one code hold the same rev here, and one of them wins.
    const won = await host.enrolments.swap(authenticator, next, { used: true });
    return won ? { enrolmentId: authenticator.id } : 'lost';
  }
  return null;
}

async function hintAtClock(host: TotpHost, req: Request, judged: readonly Judged[]): Promise<Settled | 'lost' | null> {
  for (const { authenticator, verdict } of judged) {
    if (verdict.outcome !== 'clock-hint') continue;
    // An oracle otherwise: "your phone is four minutes fast" would tell a guesser to send the same code in four minutes.
    // So its steps are used up first, and without that write there is no hint.
    const next = stateAfterHint(authenticator.state, { steps: verdict.matchedSteps, now: host.now() });
    if (!(await host.enrolments.swap(authenticator, next))) return 'lost';
    await host.audit(req, 'clock-hint', { outcome: 'failure', enrolmentId: authenticator.id });
    return { refused: clockRefusal(verdict.offsetSteps) };
  }
  return null;
}

async function noteRefusal(host: TotpHost, req: Request, judged: readonly Judged[]): Promise<void> {
  for (const { authenticator, verdict } of judged) {
    if (verdict.outcome === 'used') {
      await host.audit(req, 'code-reused', { outcome: 'failure', enrolmentId: authenticator.id });
    } else if (verdict.outcome === 'clock-behind') {
      await host.audit(req, 'clock-behind', { outcome: 'failure', enrolmentId: authenticator.id });
    }
  }
}

function typedCode(req: Request): unknown {
  const body: unknown = req.body;
  // Own properties of a plain form body only: `req.body` is undefined without one.
  return typeof body === 'object' && body !== null && Object.hasOwn(body, 'code')
    ? Reflect.get(body, 'code')
    : undefined;
}
