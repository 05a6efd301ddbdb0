import { Binary, Long } from 'bson';

import type { Call } from './engine.ts';
import { MongoError } from './errors.ts';
import type { Storage } from './storage.ts';
import { binaryBytes, decode, encode, isDoc, type Doc } from './values.ts';

const KEPT_MS = 30 * 60_000;

/** The numbered write of a session: the key of its record, and its number. */
export interface Numbered {
  session: Buffer;
  number: Long;
}

/** The number under which a driver may send this write again, if it gave one. */
export function numberOf({ command }: Pick<Call, 'command'>): Numbered | undefined {
  const lsid = command.get('lsid');
  const number = command.get('txnNumber');
  if (number === undefined) return undefined;
  const id = isDoc(lsid) ? lsid.get('id') : undefined;
  if (!(id instanceof Binary) || !(number instanceof Long)) {
    throw new MongoError(72, 'Transaction number requires a session ID to also be specified');
  }
  return { session: Buffer.from(binaryBytes(id)), number };
}

/**
 * What numbered writes have done so far. A record commits together with the changes it tells of, so a write that is sent again, even
 * after a crash or to another owner of the file, goes on where it stopped and changes nothing twice.
 */
export class Retries {
  private readonly storage: Storage;

  constructor(storage: Storage) {
    this.storage = storage;
  }

  find({ session, number }: Numbered): Doc | undefined {
    const stored = this.storage.get('retries', session);
    if (!stored) return undefined;
    const record = decode(stored);
    const known = record.get('number');
    const order = known instanceof Long ? number.compare(known) : 1;
    if (order < 0) {
      throw new MongoError(
        225,
        `Retryable write with txnNumber ${number.toString()} is prohibited because a newer one has started`,
      );
    }
    const state = record.get('state');
    return order === 0 && isDoc(state) ? state : undefined;
  }

  record({ session, number }: Numbered, state: Doc): void {
    const record = new Map<string, Long | Date | Doc>([
      ['number', number],
      ['at', new Date()],
      ['state', state],
    ]);
    this.storage.put('retries', session, encode(record));
  }

  /** Forgets sessions that have been quiet for longer than they live; looks at `limit` records from `from` on. */
  sweep(from: Buffer, limit: number): Buffer | undefined {
    const rows = this.storage.rows('retries', { low: from, high: Buffer.alloc(64, 0xff) }, limit);
    for (const { key, value } of rows) {
      const at = decode(value).get('at');
      if (at instanceof Date && Date.now() - at.getTime() > KEPT_MS) this.storage.remove('retries', key);
    }
    const last = rows.length === limit ? rows.at(-1) : undefined;
    return last && Buffer.concat([last.key, Buffer.alloc(1)]);
  }
}
