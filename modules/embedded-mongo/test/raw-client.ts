import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { deserialize, serialize, type Document } from 'bson';

const OP_MSG = 2013;

/** Speaks the wire protocol by hand: sends what no driver would, and sees the reply as it is. */
export class RawClient {
  private readonly socket: Socket;
  private received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
  }

  static async connect(uri: string): Promise<RawClient> {
    const socket = connect(decodeURIComponent(new URL(uri).host));
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Sends a command and answers its reply. */
  async command(fields: Document): Promise<Document> {
    const body = serialize({ ...fields, $db: 'test' });
    return this.send(OP_MSG, Buffer.concat([Buffer.alloc(5), body]));
  }

  /** Sends any message and answers the document at the end of the reply. */
  async send(operation: number, payload: Buffer): Promise<Document> {
    const header = Buffer.alloc(16);
    header.writeInt32LE(16 + payload.length, 0);
    header.writeInt32LE(1, 4);
    header.writeInt32LE(operation, 12);
    return this.sendBytes(Buffer.concat([header, payload]));
  }

  /** Sends any bytes; throws when the answer is to hang up. */
  async sendBytes(bytes: Buffer): Promise<Document> {
    this.socket.write(bytes);
    while (this.received.length < 4 || this.received.length < this.received.readInt32LE(0)) await this.more();
    const length = this.received.readInt32LE(0);
    const reply = this.received.subarray(0, length);
    this.received = this.received.subarray(length);
    return deserialize(reply.subarray(reply.readInt32LE(12) === OP_MSG ? 21 : 36));
  }

  private async more(): Promise<void> {
    await Promise.race([
      once(this.socket, 'data'),
      once(this.socket, 'close').then(() => {
        throw new Error('the server has hung up');
      }),
    ]);
  }

  close(): void {
    this.socket.destroy();
  }
}
