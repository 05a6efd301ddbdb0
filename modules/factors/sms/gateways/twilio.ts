import { createHmac } from 'node:crypto';
import {
  callbackUrl,
  type DeliveryReport,
  type Gateway,
  type GatewayAnswer,
  type GatewayMessage,
  type GatewayPorts,
} from './gateway.ts';
import { callOver, judge, type CallOutcome } from './http-call.ts';
import { isSame } from '../same.ts';

export interface TwilioOptions {
  kind: 'twilio';
  /** Scheme and host. */
  api: string;
  accountSid: string;
  authToken: string;
  /** A number, letters, or a messaging service (MG...). */
  from: string;
}

/** Refusals that no later try will change: not a mobile, no such number, no permission for the region, a text of nothing. */
const permanent = new Set([21211, 21217, 21408, 21421, 21601, 21602, 21610, 21612, 21614, 21617, 21635]);
/** The person wrote STOP to our sender. */
const stopped = 21610;

/** Twilio's Messages API. It knows no idempotency key, so what may have left is never sent again. */
export function createTwilio(options: TwilioOptions, ports: GatewayPorts): Gateway {
  const { accountSid, authToken } = options;
  const url = new URL(`${options.api}/2010-04-01/Accounts/${accountSid}/Messages.json`);
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;
  const reportUrl = (id: string) => `${callbackUrl(ports, 'twilio')}?id=${id}`;

  return {
    name: 'twilio',
    async send(message, within) {
      const headers = { Authorization: authorization, 'Content-Type': 'application/x-www-form-urlencoded' };
      const form = new URLSearchParams({
        To: message.to,
        Body: message.text,
        ...(options.from.startsWith('MG') ? { MessagingServiceSid: options.from } : { From: options.from }),
        StatusCallback: reportUrl(message.id),
        ...validity(message, ports.now()),
      });
      const body = Buffer.from(form.toString(), 'utf8');
      return answerOf(await callOver({ url, method: 'POST', headers, body }, within));
    },
    readReport(req) {
      const id = typeof req.query['id'] === 'string' ? req.query['id'] : '';
      const given = req.get('x-twilio-signature') ?? '';
      // The address is the one that we gave to Twilio: what the request says of host and scheme is the sender's choice.
      const addresses = spellings(reportUrl(encodeURIComponent(id)));
      const parameters = (req.body ?? {}) as Readonly<Record<string, unknown>>;
      const isRight = addresses.map((one) => isSame(given, sign(authToken, one, parameters))).includes(true);
      if (!isRight || parameters['AccountSid'] !== accountSid) return 'forged';
      return reportOf(id, parameters);
    },
  };
}

/** Twilio signs with or without the port, whatever the address has. */
function spellings(address: string): readonly string[] {
  const { protocol, port, host, hostname } = new URL(address);
  const standard = protocol === 'https:' ? '443' : '80';
  const other = port === '' ? `${hostname}:${standard}` : hostname;
  return [address, address.replace(`//${host}`, `//${other}`)];
}

/** X-Twilio-Signature: the address, then each parameter's name and value in the order of the names, under the auth token. */
export function sign(authToken: string, address: string, parameters: Readonly<Record<string, unknown>>): string {
  const texts = Object.keys(parameters)
    .sort()
    .flatMap((name) => [...new Set([parameters[name]].flat())].sort().map((value) => `${name}${String(value)}`));
  return createHmac('sha1', authToken)
    .update(address + texts.join(''), 'utf8')
    .digest('base64');
}

function validity({ until }: GatewayMessage, now: Date): Record<string, string> {
  if (!until) return {};
  const seconds = Math.round((until.getTime() - now.getTime()) / 1000);
  return { ValidityPeriod: String(Math.min(Math.max(seconds, 1), 36_000)) };
}

function answerOf(outcome: CallOutcome): GatewayAnswer {
  const { code, sid, status } = outcome.kind === 'answered' ? read(outcome.body) : {};
  const refusal = judge(outcome);
  if (refusal) {
    if (refusal.fate !== 'refused' || code === undefined) return refusal;
    const fault = `twilio:${String(code)}`;
    return { ...refusal, fault, permanent: permanent.has(code), ...(code === stopped ? { final: true } : {}) };
  }
  if (sid === undefined) return { fate: 'unknown', fault: 'twilio:answer' };
  if (status === 'failed' || status === 'undelivered')
    return { fate: 'refused', fault: `twilio:${status}`, permanent: false };
  return { fate: 'accepted', late: false, reference: sid };
}

function read(body: string): { code?: number; sid?: string; status?: string } {
  try {
    const { code, sid, status } = JSON.parse(body) as Readonly<Record<string, unknown>>;
    return {
      ...(typeof code === 'number' ? { code } : {}),
      ...(typeof sid === 'string' ? { sid: sid.slice(0, 100) } : {}),
      ...(typeof status === 'string' ? { status } : {}),
    };
  } catch {
    return {};
  }
}

function reportOf(id: string, parameters: Readonly<Record<string, unknown>>): DeliveryReport | 'ignored' {
  const status = parameters['MessageStatus'];
  if (status === 'delivered') return { message: { id }, state: 'delivered' };
  if (status !== 'undelivered' && status !== 'failed') return 'ignored';
  const code = parameters['ErrorCode'];
  const known = typeof code === 'string' && /^\d{1,6}$/.test(code);
  return { message: { id }, state: 'undelivered', fault: `twilio:${known ? code : status}` };
}
