import type { Socket } from 'node:net';
import { Session, type PDU } from 'smpp';
import type { Limits } from './gateway.ts';
import { connectTo } from './http-call.ts';
import type { SmppOptions } from './smpp-options.ts';
import { placesOf, windowSize } from './smpp-window.ts';

/** Waits of a session, in milliseconds. */
export interface SmppTimes {
  bindMs: number;
  /** How often the SMSC is asked whether it is there, and how long it has to say so. */
  enquireMs: number;
  enquireAnswerMs: number;
}

/** `unsent`: nothing left. `silent`: no answer came in time. `closed`: the connection went before the answer. */
export type Submitted = { kind: 'answered'; pdu: PDU } | { kind: 'unsent' | 'silent' | 'closed' };

/** A bound session. */
export interface SmppSession {
  /** Waits for a place among the messages under way no longer than for a connection: then another gateway may have it. */
  submit(fields: Readonly<Record<string, unknown>>, within: Limits, onLate: (pdu: PDU) => void): Promise<Submitted>;
  /** Resolves when it is over, whoever ended it. */
  closed: Promise<void>;
  end(): Promise<void>;
}

/** ESME_RX_T_APPN: the SMSC is to bring the receipt again. */
const bringItAgain = 0x64;
const goodbyeMs = 500;

/**
 * Connects and binds as a transceiver. The socket is ours, for the package does not check certificates as we do. Rejects with a code
 * that tells what failed; nothing of a message has left then.
 */
export async function bindSession(
  options: SmppOptions,
  times: SmppTimes,
  onReceipt: (pdu: PDU) => Promise<void>,
  stopped: AbortSignal,
): Promise<SmppSession> {
  const limit = AbortSignal.any([AbortSignal.timeout(times.bindMs), stopped]);
  const socket = await connectTo(options, limit);
  // Each message under way listens for the end.
  socket.setMaxListeners(windowSize + 10);
  const session = new Session({ socket });
  // After a PDU that makes no sense the package reads no more: the session is of no use.
  session.on('error', () => socket.destroy());
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });
  answerRequests(session, onReceipt);
  try {
    await bind(session, options, limit);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  keepAlive(session, times);
  return { submit: submitter(session, socket), closed, end: () => end(session, closed) };
}

function bind(session: Session, options: SmppOptions, limit: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (code: string) => () => {
      reject(Object.assign(new Error(code), { code }));
    };
    limit.addEventListener('abort', fail('timeout'), { once: true });
    session.socket.once('close', fail('closed'));
    session.bind_transceiver(
      {
        system_id: options.systemId,
        password: options.password,
        system_type: options.systemType,
        interface_version: 0x34,
      },
      ({ command_status: status }) => {
        if (status === 0) resolve();
        else fail(`bind-${String(status)}`)();
      },
    );
  });
}

/** The SMSC's own questions. A receipt is answered once it is noted. */
function answerRequests(session: Session, onReceipt: (pdu: PDU) => Promise<void>): void {
  const hear = (pdu: PDU) => {
    onReceipt(pdu).then(
      () => session.send(pdu.response()),
      () => session.send(pdu.response({ command_status: bringItAgain })),
    );
  };
  session.on('deliver_sm', hear);
  session.on('data_sm', hear);
  session.on('enquire_link', (pdu: PDU) => session.send(pdu.response()));
  session.on('unknown', (pdu: PDU) => session.send(pdu.response()));
  session.on('unbind', (pdu: PDU) => {
    session.send(pdu.response());
    session.socket.end();
  });
}

// A connection that a firewall forgot takes writes for minutes and says nothing.
function keepAlive(session: Session, times: SmppTimes): void {
  const { socket } = session;
  const ask = setInterval(() => {
    const silent = setTimeout(() => socket.destroy(), times.enquireAnswerMs);
    session.enquire_link({}, () => {
      clearTimeout(silent);
    });
  }, times.enquireMs);
  socket.once('close', () => {
    clearInterval(ask);
  });
}

function submitter(session: Session, socket: Socket): SmppSession['submit'] {
  const window = placesOf(socket);
  return async (fields, within, onLate) => {
    if (!(await window.take(AbortSignal.any([within.connected, within.answered])))) return { kind: 'unsent' };
    if (within.answered.aborted) {
      window.free();
      return { kind: 'unsent' };
    }
    return new Promise((resolve) => {
      let isOver = false;
      const settle = (outcome: Submitted) => {
        isOver = true;
        within.answered.removeEventListener('abort', giveUp);
        socket.removeListener('close', onClose);
        resolve(outcome);
      };
      const giveUp = () => {
        settle({ kind: 'silent' });
      };
      const onClose = () => {
        settle({ kind: 'closed' });
      };
      within.answered.addEventListener('abort', giveUp, { once: true });
      socket.once('close', onClose);
      const left = session.submit_sm(fields, (pdu) => {
        window.free();
        if (isOver) onLate(pdu);
        else settle({ kind: 'answered', pdu });
      });
      if (left) return;
      window.free();
      settle({ kind: 'unsent' });
    });
  };
}

async function end(session: Session, closed: Promise<void>): Promise<void> {
  const { socket } = session;
  const impatient = setTimeout(() => socket.destroy(), goodbyeMs);
  if (!session.unbind({}, () => socket.end())) socket.destroy();
  await closed;
  clearTimeout(impatient);
}
