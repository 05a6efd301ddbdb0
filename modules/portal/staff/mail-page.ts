import type { Translate } from '../../kernel/ports.ts';
import type { DurableOutbox, OutboxEntry } from '../../platform/outbox/outbox.ts';

/** What mails are about, each with a text; a kind that is missing here shows as it is. */
export const mailKinds = [
  'alert.factor',
  'email-confirmation',
  'invitation',
  'mfa-announcement',
  'notice.account-disabled',
  'notice.account-enabled',
  'notice.admin-given',
  'notice.admin-taken',
  'notice.codes-renewed',
  'notice.email-changed',
  'notice.email-restored',
  'notice.factor-added',
  'notice.factor-locked',
  'notice.factor-removed',
  'notice.factors-off',
  'notice.factors-reset',
  'notice.new-device',
  'notice.password-changed',
  'notice.profile-changed',
  'notice.recovery-used',
  'notice.trust-reused',
  'password-reset',
  'unlock',
] as const;

/** Why a mail could not be sent, in words; by the first part of the fault's code. */
const faults: Readonly<Record<string, readonly string[]>> = {
  unreachable: [
    'ECONNECTION',
    'ECONNREFUSED',
    'ECONNRESET',
    'EDNS',
    'ENOTFOUND',
    'ESOCKET',
    'ETIMEDOUT',
    'EHOSTUNREACH',
  ],
  credentials: ['EAUTH', 'ENOAUTH', 'EOAUTH2'],
  encryption: ['ETLS', 'EREQUIRETLS'],
  recipient: ['EENVELOPE'],
  refused: ['EMESSAGE', 'EPROTOCOL', 'ESTREAM'],
  sealed: ['cannot-be-opened'],
  worker: ['ended-its-worker'],
};

export const mailFaults = [...Object.keys(faults), 'other'];

const deadShown = 50;
const waitingShown = 20;

/** The outbox as staff see it: to whom, about what, how it goes. Never what a mail says, for it may carry a link that lets in. */
export async function mailPage(outbox: DurableOutbox, t: Translate): Promise<object> {
  const [dead, queued, sending] = await Promise.all([
    outbox.list('dead', deadShown),
    outbox.list('queued', waitingShown),
    outbox.list('sending', waitingShown),
  ]);
  const waiting = (await outbox.count('queued')) + (await outbox.count('sending'));
  return {
    dead: dead.map((entry) => line(entry, t)),
    waiting: [...sending, ...queued].slice(0, waitingShown).map((entry) => line(entry, t)),
    counts: { dead: await outbox.count('dead'), waiting },
  };
}

/** What a mail is about. */
export function kindWords(kind: string, t: Translate): string {
  return (mailKinds as readonly string[]).includes(kind) ? t(`mailbox.kind.${kind}`) : kind;
}

function line({ id, to, kind, tries, lastFault, at }: OutboxEntry, t: Translate): object {
  return {
    id,
    to,
    about: kindWords(kind, t),
    tries,
    at,
    fault: lastFault && { text: faultWords(lastFault, t), code: lastFault },
  };
}

function faultWords(fault: string, t: Translate): string {
  const [code = ''] = fault.split(' ');
  const [known = 'other'] = Object.entries(faults).find(([, codes]) => codes.includes(code)) ?? [];
  return t(`mailbox.fault.${known}`);
}
