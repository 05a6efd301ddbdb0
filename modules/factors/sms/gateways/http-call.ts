import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { GatewayAnswer, Limits } from './gateway.ts';

export interface Call {
  url: URL;
  method: 'POST' | 'PUT';
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

/** What became of a request. Between `unreached` and `lost` lies the first byte that left. */
export type CallOutcome =
  | { kind: 'unreached'; fault: string }
  | { kind: 'lost'; fault: string }
  | { kind: 'answered'; status: number; saysWhenToRetry: boolean; body: string };

const longestAnswer = 64 * 1024;

/**
 * One request over a connection of its own. fetch and kept connections can't tell whether anything left: a kept one may be closed by the
 * other side in the moment we write. Here nothing is written before the connection, TLS included, stands. Redirects are not followed.
 */
export async function callOver(call: Call, within: Limits): Promise<CallOutcome> {
  let socket: Socket;
  try {
    socket = await connect(call.url, AbortSignal.any([within.connected, within.answered]));
  } catch (error) {
    return { kind: 'unreached', fault: `connect:${codeOf(error)}` };
  }
  try {
    return await exchange(call, socket, within.answered);
  } catch (error) {
    return { kind: 'lost', fault: `lost:${codeOf(error)}` };
  } finally {
    socket.destroy();
  }
}

/** A connection that stands, with TLS and its certificate checked where `secure`. Rejects with nothing sent but handshakes. */
export function connectTo(
  target: { host: string; port: number; secure: boolean },
  signal: AbortSignal,
): Promise<Socket> {
  const { host, port, secure } = target;
  // 250 ms for each address, Node's own limit, is too little for a far provider behind two of them.
  const options = { host, port, autoSelectFamilyAttemptTimeout: 1000 };
  const socket = secure ? connectTls({ ...options, ...(isIP(host) ? {} : { servername: host }) }) : connectTcp(options);
  // Whoever takes it over listens too; until then nothing may be thrown at nobody.
  socket.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      socket.destroy(timedOut());
    };
    const settle = () => {
      signal.removeEventListener('abort', giveUp);
    };
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      settle();
      socket.setNoDelay(true);
      resolve(socket);
    });
    socket.once('error', reject);
    socket.once('close', () => {
      settle();
      reject(Object.assign(new Error('closed'), { code: 'closed' }));
    });
  });
}

function connect(url: URL, signal: AbortSignal): Promise<Socket> {
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return connectTo({ host, port: Number(url.port || (secure ? 443 : 80)), secure }, signal);
}

function exchange(call: Call, socket: Socket, signal: AbortSignal): Promise<CallOutcome> {
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = request({
      method: call.method,
      path: `${call.url.pathname}${call.url.search}`,
      headers: { ...call.headers, Host: call.url.host, 'Content-Length': call.body.length, Connection: 'close' },
      createConnection: () => socket,
    });
    const giveUp = () => sent.destroy(timedOut());
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    sent.on('error', reject);
    sent.on('close', () => {
      signal.removeEventListener('abort', giveUp);
      // A no-op where an answer was read.
      reject(Object.assign(new Error('closed'), { code: 'closed' }));
    });
    sent.on('response', (response) => {
      readAnswer(response).then(resolve, reject);
    });
    sent.end(call.body);
  });
}

async function readAnswer(response: IncomingMessage): Promise<CallOutcome> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > longestAnswer) break;
  }
  return {
    kind: 'answered',
    status: response.statusCode ?? 0,
    saysWhenToRetry: response.headers['retry-after'] !== undefined,
    body: Buffer.concat(chunks).subarray(0, longestAnswer).toString('utf8'),
  };
}

/** Statuses that are about us, not about the message: once they are mended, a later try does better. */
const mendable = new Set([401, 402, 403, 404, 405, 407, 408, 409, 425, 429]);

/** What every gateway over HTTP makes of an outcome; null: a status of success, whose meaning is the provider's own. */
export function judge(outcome: CallOutcome): GatewayAnswer | null {
  if (outcome.kind === 'unreached') return { fate: 'refused', fault: outcome.fault, permanent: false, unreached: true };
  if (outcome.kind === 'lost') return { fate: 'unknown', fault: outcome.fault };
  const { status, saysWhenToRetry } = outcome;
  if (status >= 200 && status < 300) return null;
  const fault = `http:${String(status)}`;
  // A proxy's 502 or 504, or a 500 half-way, may come after the message was taken.
  if (status >= 500 && !(status === 503 && saysWhenToRetry)) return { fate: 'unknown', fault };
  return { fate: 'refused', fault, permanent: status >= 400 && status < 500 && !mendable.has(status) };
}

function timedOut(): Error {
  return Object.assign(new Error('timeout'), { code: 'timeout' });
}

/** A short code, never a message: those name addresses. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code.slice(0, 40) : 'failed';
}
