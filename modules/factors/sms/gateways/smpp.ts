import type { PDU } from 'smpp';
import type { DeliveryReport, Gateway, GatewayAnswer, GatewayMessage, GatewayPorts } from './gateway.ts';
import { toGsm, toUcs2 } from './gsm.ts';
import { codeOf } from './http-call.ts';
import { SmppLink } from './smpp-link.ts';
import type { SmppOptions } from './smpp-options.ts';
import { readReceipt } from './smpp-receipt.ts';
import { bindSession, type SmppSession, type SmppTimes } from './smpp-session.ts';

const usualTimes = { bindMs: 10_000, enquireMs: 30_000, enquireAnswerMs: 10_000, firstBackoffMs: 1000 };

/** One message, not parts of one: 160 characters of phones' own alphabet, or 70 of UCS-2. */
const mostSeptets = 160;
const mostUcs2Bytes = 140;
/** How many late answers are kept for the receipt that may follow. */
const mostLate = 1000;

/** ESME_RINVMSGLEN, ESME_RINVDSTADR, ESME_RINVDSTTON, ESME_RINVDSTNPI: about this text or number. */
const permanent = new Set([0x01, 0x0b, 0x50, 0x51]);

/** An SMSC by SMPP 3.4. */
export function createSmpp(
  options: SmppOptions,
  ports: Pick<GatewayPorts, 'log' | 'now'>,
  times: SmppTimes & { firstBackoffMs: number } = usualTimes,
): Gateway {
  let listen: (report: DeliveryReport) => Promise<void> = () => Promise.resolve();
  /** Messages whose answer came when nobody waited any more, by the SMSC's name: only we know whose they are. */
  const late = new Map<string, string>();

  async function hearReceipt(pdu: PDU): Promise<void> {
    const receipt = readReceipt(pdu);
    if (!receipt) return;
    const { reference, ...how } = receipt;
    const id = late.get(reference);
    await listen({ message: id === undefined ? { gateway: 'smpp', reference } : { id }, ...how });
  }

  const link = new SmppLink((stopped) => bindSession(options, times, hearReceipt, stopped), {
    log: ports.log,
    firstBackoffMs: times.firstBackoffMs,
  });

  function hearLate(id: string, pdu: PDU): void {
    const answer = answerOf(pdu);
    if (answer.fate === 'accepted' && answer.reference !== undefined) {
      late.set(answer.reference, id);
      for (const oldest of late.keys()) if (late.size > mostLate) late.delete(oldest);
    }
    const report: DeliveryReport =
      answer.fate === 'accepted'
        ? { message: { id }, state: 'late' }
        : { message: { id }, state: 'undelivered', fault: answer.fault };
    listen(report).catch((error: unknown) => {
      ports.log.warn({ err: error, gateway: 'smpp', message: id }, 'a late answer was not noted');
    });
  }

  return {
    name: 'smpp',
    isUp: () => link.isUp(),
    onReport(listener) {
      listen = listener;
    },
    async send(message, within) {
      const text = encode(message.text);
      if (!text) return { fate: 'refused', fault: 'smpp:too-long', permanent: true };
      let session: SmppSession;
      try {
        session = await link.bound(AbortSignal.any([within.connected, within.answered]));
      } catch (error) {
        return { fate: 'refused', fault: `connect:${codeOf(error)}`, permanent: false, unreached: true };
      }
      const submitted = await session.submit(
        { ...sender(options.from), ...receiver(message.to), ...text, ...validity(message, ports.now()) },
        within,
        (pdu) => {
          hearLate(message.id, pdu);
        },
      );
      if (submitted.kind === 'answered') return answerOf(submitted.pdu);
      if (submitted.kind === 'unsent')
        return { fate: 'refused', fault: 'smpp:busy', permanent: false, unreached: true };
      return { fate: 'unknown', fault: submitted.kind === 'silent' ? 'lost:timeout' : 'lost:closed' };
    },
    stop: () => link.stop(),
  };
}

function answerOf(pdu: PDU): GatewayAnswer & { fate: 'accepted' | 'refused' } {
  const status = pdu.command_status;
  if (status !== 0) return { fate: 'refused', fault: `smpp:${String(status)}`, permanent: permanent.has(status) };
  const reference = pdu['message_id'];
  return {
    fate: 'accepted',
    late: false,
    ...(typeof reference === 'string' && reference !== '' ? { reference: reference.slice(0, 65) } : {}),
  };
}

function encode(text: string): Record<string, unknown> | null {
  const gsm = toGsm(text);
  if (gsm) return gsm.length > mostSeptets ? null : { data_coding: 0, short_message: gsm };
  const ucs2 = toUcs2(text);
  return ucs2.length > mostUcs2Bytes ? null : { data_coding: 8, short_message: ucs2 };
}

/** Type of number and numbering plan: international, short, or letters. */
function sender(from: string): Record<string, unknown> {
  const digits = from.replace(/^\+/, '');
  if (!/^\d+$/.test(digits)) return { source_addr_ton: 5, source_addr_npi: 0, source_addr: from };
  const isShort = digits.length <= 8 && !from.startsWith('+');
  return { source_addr_ton: isShort ? 3 : 1, source_addr_npi: isShort ? 0 : 1, source_addr: digits };
}

function receiver(to: string): Record<string, unknown> {
  return { dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: to.slice(1), registered_delivery: 1 };
}

/** Relative time, as in SMPP 3.4, 7.1.1: hours, minutes and seconds from now. */
function validity({ until }: GatewayMessage, now: Date): Record<string, unknown> {
  if (!until) return {};
  const seconds = Math.min(Math.max(Math.round((until.getTime() - now.getTime()) / 1000), 1), 86_399);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return { validity_period: `000000${two(seconds / 3600)}${two((seconds % 3600) / 60)}${two(seconds % 60)}000R` };
}
