import type { PDU } from 'smpp';
import type { DeliveryReport } from './gateway.ts';

const receiptClass = 0x04;
const stateNames: Readonly<Record<number, string>> = {
  2: 'DELIVRD',
  3: 'EXPIRED',
  4: 'DELETED',
  5: 'UNDELIV',
  8: 'REJECTD',
};
const undelivered = new Set(['EXPIRED', 'DELETED', 'UNDELIV', 'REJECTD']);

/** What a receipt says: of which message, by the SMSC's name of it, and how it went. */
export interface Receipt {
  reference: string;
  state: DeliveryReport['state'];
  fault?: string;
}

/**
 * Reads a receipt out of a deliver_sm: by its parameters where it has them, else by the text of SMPP 3.4, appendix B
 * (`id:... stat:DELIVRD err:000`). Null for what people write to our sender, and for word on the way.
 */
export function readReceipt(pdu: PDU): Receipt | null {
  const esmClass = typeof pdu['esm_class'] === 'number' ? pdu['esm_class'] : 0;
  const named = pdu['receipted_message_id'];
  if ((esmClass & 0x3c) !== receiptClass && typeof named !== 'string') return null;
  const text = textOf(pdu['short_message']) || textOf(pdu['message_payload']);
  const field = (name: string) => new RegExp(`\\b${name}:\\s*([\\w-]{1,65})`, 'i').exec(text)?.[1];
  const reference = typeof named === 'string' && named !== '' ? named : field('id');
  const stat = (stateNames[Number(pdu['message_state'])] ?? field('stat') ?? '').toUpperCase();
  if (reference === undefined) return null;
  if (stat === 'DELIVRD') return { reference, state: 'delivered' };
  if (!undelivered.has(stat)) return null;
  const error = field('err');
  return {
    reference,
    state: 'undelivered',
    fault: `smpp:${stat}${error === undefined ? '' : `:${error.slice(0, 10)}`}`,
  };
}

function textOf(field: unknown): string {
  const message = (field as { message?: unknown } | null | undefined)?.message ?? field;
  if (Buffer.isBuffer(message)) return message.toString('latin1');
  return typeof message === 'string' ? message : '';
}
