import type { FactorHost } from '../../../kernel/factor.ts';
import type { Person } from '../../../kernel/person.ts';
import type { Sending } from '../../../kernel/ports.ts';
import type { Guard } from './guard.ts';
import type { Ledger, Noted } from './ledger.ts';
import type { MessageState } from './ledger-model.ts';
import type { BlockReason, Recipient } from './limits.ts';

/** What became of a code. `blocked`: nothing was sent, and why; `retryAt` null: nobody knows when it will do. */
export type Outcome =
  | { outcome: 'sent' | 'late' | 'failed' | 'unknown'; messageId: string }
  | { outcome: 'blocked'; reason: BlockReason; retryAt: Date | null };

type To = Omit<Recipient, 'personId' | 'address' | 'purpose'> & { person: Person; text: string };

const states: Record<Sending, MessageState> = {
  accepted: 'accepted',
  late: 'late',
  refused: 'refused',
  unknown: 'unknown',
  withdrawn: 'withdrawn',
};

const outcomes = {
  accepted: 'sent',
  late: 'late',
  refused: 'failed',
  unknown: 'unknown',
  withdrawn: 'failed',
} as const;

/** The one way for a text message out of the factor: judged, counted, handed over, noted. */
export function createSender(ports: {
  host: Pick<FactorHost<unknown>, 'send' | 'post' | 'auditAlone' | 'log'>;
  guard: Guard;
  ledger: Ledger;
  /** True where messages are kept to be looked at: nobody will say what became of them. */
  keeps: boolean;
  /** No process took a message up while somebody waited for it. */
  onWithdrawn(): Promise<void>;
}) {
  const { host, guard, ledger } = ports;

  async function judge(who: Noted) {
    const taken = await guard.take(who);
    if (!taken.allowed) await ledger.blocked(who, taken.reason);
    return taken;
  }

  return {
    /** Sends a code and waits, less than five seconds, for what becomes of it. */
    async sendCode(
      code: To & Pick<Recipient, 'address'> & { purpose: Exclude<Recipient['purpose'], 'notice'>; until: Date },
    ): Promise<Outcome> {
      const { person, number, fingerprint, country, address, purpose, text, until } = code;
      const who: Noted = {
        number,
        fingerprint,
        country,
        address,
        purpose,
        personId: person.id,
        personKind: person.kind,
      };
      const taken = await judge(who);
      if (!taken.allowed) return { outcome: 'blocked', reason: taken.reason, retryAt: taken.retryAt };
      // What is thrown here stays counted: the message may have left.
      const { id, sending } = await host.send({ to: number, text, kind: 'code', until });
      const outcome = outcomes[sending];
      // A gateway's fault is not the person's: what certainly did not leave costs them nothing (SMS-9).
      await Promise.all([
        outcome === 'failed' ? taken.charge.giveBack() : taken.charge.keep(id),
        ledger.note(id, who, states[sending]),
        sending === 'withdrawn' ? ports.onWithdrawn() : null,
      ]);
      return { outcome, messageId: id };
    },
    /** Tells somebody something by text, when it can leave, past what codes used up. False: it was told too often; log and audit have that. */
    async notify({ person, number, fingerprint, country, text }: To): Promise<boolean> {
      const about = { number, fingerprint, country, address: null, purpose: 'notice' as const };
      const who: Noted = { ...about, personId: person.id, personKind: person.kind };
      const taken = await judge(who);
      if (!taken.allowed) {
        const { reason } = taken;
        host.log.warn({ person: person.id, reason }, 'notice by text message not sent');
        await host.auditAlone('not-sent', {
          outcome: 'failure',
          personId: person.id,
          reason,
          detail: { kind: 'notice' },
        });
        return false;
      }
      const id = await host.post({ to: number, text, kind: 'notice' });
      await Promise.all([taken.charge.keep(id), ledger.note(id, who, ports.keeps ? 'accepted' : 'queued')]);
      return true;
    },
    /** The code of a message came back right. */
    async confirmed(messageId: string): Promise<void> {
      await Promise.all([guard.confirmed(messageId), ledger.confirmed(messageId)]);
    },
  };
}

export type Sender = ReturnType<typeof createSender>;
