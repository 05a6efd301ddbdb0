import { statfsSync } from 'node:fs';
import { chmod, link, mkdtemp, open as openFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { open, type Database, type RootDatabase } from 'lmdb';

/** The tables of the file: documents, index entries, catalog, retryable writes. */
export type Table = 'docs' | 'entries' | 'meta' | 'retries';

/** One key and its value, both copies that stay valid. */
export interface Row {
  key: Buffer;
  value: Buffer;
}

/** A range of keys: `low` is in it, `high` is not. */
export interface KeyRange {
  low: Buffer;
  high: Buffer;
  /** There can be nothing but `low` itself. */
  isPoint?: true;
}

/** How much to read at once, and from which end. */
export interface PageOptions {
  limit: number;
  maxBytes: number;
  reverse?: boolean;
}

/** Where tests make the disk fail: `commit` runs last in every transaction and may throw. */
export interface Faults {
  commit?: () => void;
}

/** The LMDB file: synchronous reads, and transactions that are on the disk when they return. */
export class Storage {
  private readonly root: RootDatabase<Buffer, Buffer>;
  private readonly tables: Record<Table, Database<Buffer, Buffer>>;
  private readonly faults: Faults;
  private readonly file: string;
  private inside = false;
  private changes = 0;

  constructor(file: string, faults: Faults = {}) {
    const binary = { keyEncoding: 'binary', encoding: 'binary' } as const;
    this.faults = faults;
    this.file = file;
    // Without overlappingSync a commit returns after fdatasync of the pages and an O_DSYNC write of the meta page:
    // an error of the disk arrives here, before anybody has been told, and nobody reads what is not yet durable.
    this.root = open({ path: file, noSubdir: true, maxDbs: 8, mapSize: 2 ** 36, overlappingSync: false, ...binary });
    const table = (name: Table): Database<Buffer, Buffer> => this.root.openDB(name, binary);
    this.tables = { docs: table('docs'), entries: table('entries'), meta: table('meta'), retries: table('retries') };
  }

  get(table: Table, key: Buffer): Buffer | undefined {
    return this.tables[table].get(key);
  }

  /** Reads at most `limit` rows at once: an open cursor would pin old pages while others write. */
  rows(table: Table, range: KeyRange, limit: number): Row[] {
    return this.page(table, range, { limit, maxBytes: Infinity }).rows;
  }

  /** Reads rows up to a number and, roughly, a size; tells whether they are the last of the range. */
  page(
    table: Table,
    { low, high }: KeyRange,
    { limit, maxBytes, reverse = false }: PageOptions,
  ): { rows: Row[]; isLast: boolean } {
    const range = reverse
      ? { start: high, end: low, reverse, limit, exclusiveStart: true, inclusiveEnd: true }
      : { start: low, end: high, limit };
    const rows: Row[] = [];
    let bytes = 0;
    for (const row of this.tables[table].getRange(range)) {
      rows.push(row);
      bytes += row.value.length;
      if (bytes > maxBytes) return { rows, isLast: false };
    }
    return { rows, isLast: rows.length < limit };
  }

  put(table: Table, key: Buffer, value: Buffer): void {
    this.countChange();
    this.tables[table].putSync(key, value);
  }

  remove(table: Table, key: Buffer): void {
    this.countChange();
    this.tables[table].removeSync(key);
  }

  /** Runs `work` as one transaction; whatever it throws (or the disk does) leaves the file as it was. */
  transact<R>(work: () => R): R {
    this.inside = true;
    try {
      return this.root.transactionSync(() => {
        const result = work();
        this.faults.commit?.();
        return result;
      });
    } catch (cause) {
      // LMDB calls a write that was cut short "Input/output error": tell a full disk from a broken one.
      throw isFull(this.file) ? new Error('ENOSPC: no space left on the disk', { cause }) : cause;
    } finally {
      this.inside = false;
    }
  }

  /** Writes a copy of the file as it is at one moment. It appears under its name when it is whole, and never in place of another. */
  async backup(file: string): Promise<void> {
    const draft = await mkdtemp(join(dirname(file), '.backup-'));
    const copy = join(draft, basename(file));
    try {
      await this.root.backup(copy, true);
      await chmod(copy, 0o600);
      const handle = await openFile(copy, 'r');
      await handle.sync();
      await handle.close();
      await link(copy, file);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    await this.root.close();
  }

  /** How many puts and removals there have been: tells whether a piece of work has changed anything. */
  get changeCount(): number {
    return this.changes;
  }

  // A put outside a transaction would commit on its own, half of somebody's change.
  private countChange(): void {
    if (!this.inside) throw new Error('a write outside a transaction');
    this.changes++;
  }
}

const ROOM_BYTES = 256 * 1024;

function isFull(file: string): boolean {
  const { bavail, bsize } = statfsSync(dirname(file));
  return bavail * bsize < ROOM_BYTES;
}
