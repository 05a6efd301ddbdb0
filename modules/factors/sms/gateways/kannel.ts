import type { Request } from 'express';
import {
  callbackUrl,
  type DeliveryReport,
  type Gateway,
  type GatewayAnswer,
  type GatewayMessage,
  type GatewayPorts,
} from './gateway.ts';
import { toGsm } from './gsm.ts';
import { callOver, judge, type CallOutcome } from './http-call.ts';
import { isSame } from '../same.ts';

export interface KannelOptions {
  kind: 'kannel';
  url: string;
  username: string;
  password: string;
  from: string;
}

/** Delivered, failed, queued, taken by the SMSC, refused by the SMSC. */
const everyReport = '31';
const reports: Readonly<Record<string, Pick<DeliveryReport, 'state' | 'fault'>>> = {
  '1': { state: 'delivered' },
  '2': { state: 'undelivered', fault: 'kannel:2' },
  '4': { state: 'late' },
  '16': { state: 'undelivered', fault: 'kannel:16' },
};

/** A Kannel of one's own, by its sendsms interface. Everything secret is in headers and body: its access log has the addresses. */
export function createKannel(options: KannelOptions, ports: GatewayPorts): Gateway {
  const signatureOf = (id: string) => ports.fingerprint(`kannel-report ${id}`);

  return {
    name: 'kannel',
    async send(message, within) {
      const headers = {
        'Content-Type': 'text/plain; charset=UTF-8',
        'X-Kannel-Username': options.username,
        'X-Kannel-Password': options.password,
        'X-Kannel-From': options.from,
        'X-Kannel-To': message.to,
        // 7 bits or UCS-2: without it Kannel sends a question mark for what its alphabet has not.
        'X-Kannel-Coding': toGsm(message.text) ? '0' : '2',
        'X-Kannel-DLR-Mask': everyReport,
        'X-Kannel-DLR-URL': `${callbackUrl(ports, 'kannel')}?id=${message.id}&by=${signatureOf(message.id)}&state=%d`,
        ...validity(message, ports.now()),
      };
      const body = Buffer.from(message.text, 'utf8');
      return answerOf(await callOver({ url: new URL(options.url), method: 'POST', headers, body }, within));
    },
    readReport(req) {
      const { id, by, state } = readQuery(req);
      if (!isSame(by, signatureOf(id))) return 'forged';
      const report = reports[state];
      return report ? { message: { id }, ...report } : 'ignored';
    },
  };
}

function validity({ until }: GatewayMessage, now: Date): Record<string, string> {
  if (!until) return {};
  return { 'X-Kannel-Validity': String(Math.max(1, Math.ceil((until.getTime() - now.getTime()) / 60_000))) };
}

function answerOf(outcome: CallOutcome): GatewayAnswer {
  if (outcome.kind === 'answered') {
    const { status, body } = outcome;
    if (status === 202 && body.startsWith('0:')) return { fate: 'accepted', late: false };
    if (status === 202 && body.startsWith('3:')) return { fate: 'accepted', late: true };
    // Kannel's own words, whatever the status: it has not taken the message.
    if (body.startsWith('Not routable')) return { fate: 'refused', fault: 'kannel:not-routable', permanent: true };
    if (body.startsWith('Temporal failure')) return { fate: 'refused', fault: 'kannel:busy', permanent: false };
  }
  return judge(outcome) ?? { fate: 'unknown', fault: 'kannel:answer' };
}

function readQuery(req: Request): { id: string; by: string; state: string } {
  const word = (value: unknown) => (typeof value === 'string' ? value : '');
  return { id: word(req.query['id']), by: word(req.query['by']), state: word(req.query['state']) };
}
