import type { Server, Socket } from 'node:net';
import { createServer, type PDU, type Session } from 'smpp';
import { closeNet, listen } from './carrying.ts';

/** What the SMSC does with a message: its status and name for it, no word at all, or the end of the connection. */
export type Treatment = { status: number; id?: string } | 'silent' | 'hang-up';

/** An SMSC on loopback that speaks SMPP 3.4, by the other half of the package. */
export interface Smsc {
  url: string;
  port: number;
  /** How many binds were asked for, and are open. */
  binds: { asked: number; open: number };
  submitted: PDU[];
  /** Answered `enquire_link`s. */
  enquired: { count: number };
  treat: { next: Treatment; bind: number | 'silent'; enquire: 'answered' | 'silent' };
  /** Answers what it was silent about. */
  answerLate(id: string): void;
  /** Sends a deliver_sm and resolves with the status of the answer to it. */
  deliver(fields: Readonly<Record<string, unknown>>): Promise<number>;
  unbind(): void;
  /** Asks whether the portal is there; resolves when it says so. */
  enquire(): Promise<void>;
  /** Says what is no SMPP to everybody. */
  rubbish(): void;
  /** Ends every connection, without a word. */
  cut(): void;
  stop(): Promise<void>;
}

/** Starts an SMSC that knows `portal` with the password `p4ss`. */
export async function startSmsc(): Promise<Smsc> {
  const sockets = new Set<Socket>();
  const sessions = new Set<Session>();
  const unanswered: [Session, PDU][] = [];
  const state = {
    binds: { asked: 0, open: 0 },
    submitted: [] as PDU[],
    enquired: { count: 0 },
    treat: { next: { status: 0, id: 'id-1' }, bind: 0, enquire: 'answered' } as Smsc['treat'],
  };
  const server: Server = createServer((session) => {
    sockets.add(session.socket);
    session.on('error', () => session.socket.destroy());
    session.socket.once('close', () => {
      sockets.delete(session.socket);
      if (sessions.delete(session)) state.binds.open -= 1;
    });
    session.on('bind_transceiver', (pdu: PDU) => {
      state.binds.asked += 1;
      if (state.treat.bind === 'silent') return;
      const isRight = pdu['system_id'] === 'portal' && pdu['password'] === 'p4ss';
      const status = isRight ? state.treat.bind : 0x0e;
      session.send(pdu.response({ command_status: status }));
      if (status !== 0) return;
      sessions.add(session);
      state.binds.open += 1;
    });
    session.on('submit_sm', (pdu: PDU) => {
      state.submitted.push(pdu);
      const treatment = state.treat.next;
      if (treatment === 'silent') unanswered.push([session, pdu]);
      else if (treatment === 'hang-up') session.socket.destroy();
      else session.send(pdu.response({ command_status: treatment.status, message_id: treatment.id ?? '' }));
    });
    session.on('enquire_link', (pdu: PDU) => {
      state.enquired.count += 1;
      if (state.treat.enquire === 'answered') session.send(pdu.response());
    });
    session.on('unbind', (pdu: PDU) => {
      session.send(pdu.response());
      session.socket.end();
    });
  });
  const address = await listen(server);
  const one = () => {
    const [session] = sessions;
    if (!session) throw new Error('nobody is bound');
    return session;
  };
  return {
    ...state,
    url: address.replace('http:', 'smpp:'),
    port: Number(new URL(address).port),
    answerLate(id) {
      for (const [session, pdu] of unanswered.splice(0)) session.send(pdu.response({ message_id: id }));
    },
    deliver: (fields) =>
      new Promise((resolve) => {
        one().deliver_sm(fields, (pdu) => {
          resolve(pdu.command_status);
        });
      }),
    unbind: () => void one().unbind({}, () => undefined),
    enquire: () =>
      new Promise((resolve) => {
        one().enquire_link({}, () => {
          resolve();
        });
      }),
    rubbish: () => {
      for (const socket of sockets) socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    stop: () => closeNet(server, sockets),
  };
}
