import type { Request } from 'express';
import passport from 'passport';
import { readCode } from './codes.ts';
import { currentSet, stateAfterUse, type BackupCodes, type BackupCodesHost, type StoredCode } from './state.ts';

/** Rounds of read and compare-and-set, after the one hash. A lost race for the same code ends in the second: it is used by then. */
const swapRounds = 5;
const notRight = { key: 'backup-codes.refused.code' };

/** Asks for one of the person's codes. Stateless, shared by concurrent requests; never touches the session. */
export class BackupCodesStrategy extends passport.Strategy {
  private readonly host: BackupCodesHost;

  constructor(host: BackupCodesHost) {
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
    if (await useCode(this.host, req, { personId: person.id, typed: typedCode(req) })) this.success(person);
    else this.fail(notRight);
  }
}

async function useCode(
  host: BackupCodesHost,
  req: Request,
  proof: { personId: string; typed: unknown },
): Promise<boolean> {
  const { personId } = proof;
  const typed = readCode(proof.typed);
  const set = await currentSet(host, personId);
  const stored = set?.state.codes.find(({ index }) => index === typed?.index);
  // One hash whatever was typed: the time of the answer tells neither an index in use nor a form that could be right.
  const right = await host.verifyHash(personId, stored?.record ?? null, typed?.text ?? '');
  if (!right || !set || !stored) return false;
  return useUp(host, req, { set, stored });
}

async function useUp(
  host: BackupCodesHost,
  req: Request,
  proven: { set: BackupCodes; stored: StoredCode },
): Promise<boolean> {
  const { stored } = proven;
  let set: BackupCodes | null = proven.set;
  for (let round = 0; round < swapRounds; round += 1) {
    const now = set?.state.codes.find(({ index, record }) => index === stored.index && isSame(record, stored.record));
    // New codes were made since the hash was checked: the one that was typed is dead.
    if (!set || !now) return false;
    const enrolmentId = set.id;
    if (now.usedAt !== null) {
      await host.audit(req, 'reused', { outcome: 'failure', enrolmentId });
      return false;
    }
    const next = stateAfterUse(set.state, { index: stored.index, now: host.now() });
    // BC-3: twenty requests with one code hold the same rev here, and one of them wins.
    if (await host.enrolments.swap(set, next, { used: true })) {
      await host.audit(req, 'used', { enrolmentId });
      return true;
    }
    set = await currentSet(host, set.personId);
  }
  // Fails closed: a use that was not stored was none.
  return false;
}

function isSame(one: StoredCode['record'], other: StoredCode['record']): boolean {
  return one.hash === other.hash;
}

function typedCode(req: Request): unknown {
  const body: unknown = req.body;
  // Own properties of a plain form body only: `req.body` is undefined without one.
  return typeof body === 'object' && body !== null && Object.hasOwn(body, 'code')
    ? Reflect.get(body, 'code')
    : undefined;
}
