import { randomInt } from 'node:crypto';

import { MongoError } from './errors.ts';
import type { Task } from './scheduler.ts';
import { encode, type Doc } from './values.ts';

/** Results in BSON one after the other, and `undefined` where the task should pause. */
export type Results = Generator<Buffer | undefined, undefined>;

/** Results of which a part has been handed out. */
export interface Cursor {
  id: bigint;
  namespace: string;
  results: Results;
  /** How many results may still be handed out. */
  left: number;
  isBusy: boolean;
  isDone: boolean;
  usedAt: number;
  patienceMs: number;
}

const IDLE_MS = 10 * 60_000;
const MAX_IDLE_MS = 30 * 60_000;
// A batch ends with the document that crosses this: smaller than MongoDB's, which costs the client little and spares memory.
const BATCH_BYTES = 1024 * 1024;

/** Documents as results. */
export function* resultsOf(documents: readonly Doc[]): Results {
  for (const doc of documents) yield encode(doc);
  return undefined;
}

/** The open cursors. */
export class Cursors {
  private readonly open = new Map<bigint, Cursor>();

  create(namespace: string, results: Results, limit?: number): Cursor {
    const id = (BigInt(randomInt(1, 2 ** 31)) << 32n) | BigInt(randomInt(2 ** 32));
    const left = limit === undefined || limit === 0 ? Infinity : limit;
    return { id, namespace, results, left, isBusy: false, isDone: false, usedAt: Date.now(), patienceMs: IDLE_MS };
  }

  /** Lets the client come back for the rest of the results. */
  keep(cursor: Cursor, isPatient = false): void {
    if (isPatient) cursor.patienceMs = MAX_IDLE_MS;
    this.open.set(cursor.id, cursor);
  }

  get(id: bigint, namespace: string): Cursor {
    const cursor = this.open.get(id);
    if (!cursor) throw new MongoError(43, `cursor id ${id} not found`);
    if (cursor.namespace !== namespace) {
      throw new MongoError(
        13,
        `Requested getMore on namespace '${namespace}', but cursor belongs to a different namespace ${cursor.namespace}`,
      );
    }
    if (cursor.isBusy) throw new MongoError(12051, `cursor id ${id} is already in use`);
    return cursor;
  }

  close(id: bigint): boolean {
    return this.open.delete(id);
  }

  /** Closes what nobody has come back for. */
  closeIdle(): void {
    for (const cursor of this.open.values()) {
      if (!cursor.isBusy && Date.now() - cursor.usedAt > cursor.patienceMs) this.open.delete(cursor.id);
    }
  }
}

/** Takes the next batch from a cursor, of at most `size` results. */
export function* takeBatch(cursor: Cursor, size: number): Task<Buffer[]> {
  const documents: Buffer[] = [];
  let bytes = 0;
  cursor.isBusy = true;
  try {
    while (documents.length < size && bytes < BATCH_BYTES && cursor.left > 0) {
      const { done, value } = cursor.results.next();
      if (done) cursor.left = 0;
      else if (!value) yield;
      else {
        documents.push(value);
        bytes += value.length;
        cursor.left--;
      }
    }
    cursor.isDone = cursor.left === 0;
    return documents;
  } finally {
    cursor.isBusy = false;
    cursor.usedAt = Date.now();
  }
}
