import { decode, encode, type Doc, type Value } from './values.ts';

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER_BYTES = 16;
const MAX_MESSAGE_BYTES = 48_000_000 + 65_536;
const CHECKSUM_PRESENT = 1;
const MORE_TO_COME = 2;

/** A command as it came in; `legacy` marks the OP_QUERY handshake, `silent` a client that wants no reply. */
export interface Request {
  id: number;
  command: Doc;
  legacy: boolean;
  silent: boolean;
}

/** Documents of a cursor's batch, already in BSON, to be put into a reply as they are. */
export interface Batch {
  name: 'firstBatch' | 'nextBatch';
  documents: Buffer[];
}

/** Cuts a byte stream into messages; throws on a length that no message can have. */
export class MessageReader {
  private chunks: Buffer[] = [];
  private size = 0;

  *feed(chunk: Buffer): Generator<Buffer> {
    this.chunks.push(chunk);
    this.size += chunk.length;
    while (this.size >= HEADER_BYTES) {
      if ((this.chunks[0]?.length ?? 0) < 4) this.chunks = [Buffer.concat(this.chunks)];
      const length = this.chunks[0]?.readInt32LE(0) ?? 0;
      if (length < HEADER_BYTES || length > MAX_MESSAGE_BYTES) throw new Error(`a message of ${length} bytes`);
      if (this.size < length) return;
      const all = Buffer.concat(this.chunks);
      const rest = all.subarray(length);
      this.chunks = rest.length > 0 ? [rest] : [];
      this.size = rest.length;
      yield all.subarray(0, length);
    }
  }
}

/** Reads one message; throws on what is neither OP_MSG nor OP_QUERY. */
export function parseRequest(message: Buffer): Request {
  const id = message.readInt32LE(4);
  const operation = message.readInt32LE(12);
  if (operation === OP_MSG) return parseMsg(id, message);
  if (operation === OP_QUERY) return parseQuery(id, message);
  throw new Error(`operation ${operation} is not spoken here`);
}

function parseMsg(id: number, message: Buffer): Request {
  const flags = message.readUInt32LE(HEADER_BYTES);
  const end = message.length - (flags & CHECKSUM_PRESENT ? 4 : 0);
  const sequences: [string, Value[]][] = [];
  let command: Doc | undefined;
  let at = HEADER_BYTES + 4;
  while (at < end) {
    const kind = message.readUInt8(at);
    const length = message.readInt32LE(at + 1);
    if (length < 5 || at + 1 + length > end) throw new Error('a section that does not fit its message');
    const section = message.subarray(at + 1, at + 1 + length);
    if (kind === 0) command = decode(section);
    else if (kind === 1) sequences.push(parseSequence(section));
    else throw new Error(`a section of kind ${kind}`);
    at += 1 + length;
  }
  if (!command) throw new Error('a message without a command');
  for (const [name, documents] of sequences) command.set(name, documents);
  return { id, command, legacy: false, silent: (flags & MORE_TO_COME) !== 0 };
}

function parseSequence(section: Buffer): [string, Value[]] {
  const nul = section.indexOf(0, 4);
  if (nul < 0) throw new Error('a section without a name');
  const documents: Value[] = [];
  for (let at = nul + 1; at < section.length;) {
    const length = section.readInt32LE(at);
    if (length < 5 || at + length > section.length) throw new Error('a document that does not fit its section');
    documents.push(decode(section.subarray(at, at + length)));
    at += length;
  }
  return [section.toString('utf8', 4, nul), documents];
}

function parseQuery(id: number, message: Buffer): Request {
  const name = message.indexOf(0, HEADER_BYTES + 4);
  const at = name + 9;
  return { id, command: decode(message.subarray(at, at + message.readInt32LE(at))), legacy: true, silent: false };
}

/** Frames a reply to `request`. */
export function frameReply(request: Request, reply: Doc, batch?: Batch): Buffer {
  const body = batch ? spliceBatch(reply, batch) : [encode(reply)];
  const prefix = request.legacy ? Buffer.alloc(20) : Buffer.alloc(5);
  if (request.legacy) prefix.writeInt32LE(1, 16);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32LE(HEADER_BYTES + prefix.length + lengthOf(body), 0);
  header.writeInt32LE(request.id, 8);
  header.writeInt32LE(request.legacy ? OP_REPLY : OP_MSG, 12);
  return Buffer.concat([header, prefix, ...body]);
}

// The documents of a batch are stored bytes: putting the array around them by hand spares decoding and encoding each.
function spliceBatch(reply: Doc, { name, documents }: Batch): Buffer[] {
  const cursor = reply.get('cursor');
  if (!(cursor instanceof Map)) throw new Error('a batch without a cursor');
  const elements = documents.flatMap((document, n) => [Buffer.from(`\x03${n}\0`, 'latin1'), document]);
  const array = asDocument(Buffer.alloc(4), elements);
  const grown = asDocument(encode(cursor).subarray(0, -1), [Buffer.from(`\x04${name}\0`, 'latin1'), ...array]);
  const rest = encode(new Map([...reply].filter(([field]) => field !== 'cursor')));
  return asDocument(rest.subarray(0, -1), [Buffer.from('\x03cursor\0', 'latin1'), ...grown]);
}

/** A document from its beginning and further fields, as parts: a large batch is copied only once, into its message. */
function asDocument(beginning: Buffer, fields: Buffer[]): Buffer[] {
  const parts = [beginning, ...fields, Buffer.alloc(1)];
  beginning.writeInt32LE(lengthOf(parts), 0);
  return parts;
}

function lengthOf(parts: Buffer[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
