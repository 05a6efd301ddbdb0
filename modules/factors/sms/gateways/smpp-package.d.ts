/** The part of the package `smpp` that is used here: it comes without types. */
declare module 'smpp' {
  import type { EventEmitter } from 'node:events';
  import type { Server, Socket } from 'node:net';

  export interface PDU {
    command: string;
    command_status: number;
    sequence_number: number;
    isResponse(): boolean;
    response(fields?: Readonly<Record<string, unknown>>): PDU;
    readonly [field: string]: unknown;
  }

  type Send = (fields: Readonly<Record<string, unknown>>, onResponse: (pdu: PDU) => void) => boolean;

  /** Speaks over a socket that stands; false from a command: the socket takes nothing any more. */
  export class Session extends EventEmitter {
    constructor(options: { socket: Socket });
    socket: Socket;
    send(pdu: PDU): boolean;
    bind_transceiver: Send;
    submit_sm: Send;
    deliver_sm: Send;
    enquire_link: Send;
    unbind: Send;
  }

  /** The other half, for tests. */
  export function createServer(listener: (session: Session) => void): Server;
}
