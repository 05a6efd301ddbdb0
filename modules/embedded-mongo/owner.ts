import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Beacon, visitOwner } from './beacon.ts';
import { createWith, type Places } from './places.ts';

/** This process owns the folder until `release`, or until it dies. */
export interface Owning {
  owner: true;
  /** Answers guests who ask for a copy of the file. */
  onBackup: (backup: (file: string) => Promise<void>) => void;
  /** Tells the guests that the store answers. */
  announce: () => void;
  /** Gives the folder up; only after the file is closed. */
  release: () => Promise<void>;
}

/** Another process owns the folder; `ended` resolves when it does no longer. */
export interface Visiting {
  owner: false;
  ended: Promise<void>;
  /** Has the owner write a copy of its file. */
  backup: (file: string) => Promise<void>;
  leave: () => void;
}

// What owner.N says of its owner. `live` is a socket that listens as long as the owner lives.
interface Entry {
  live: string;
  pid: number;
  boot: string;
  started: string;
  ended?: true;
}

const PATIENCE_MS = 60_000;
const RETRY_MS = 100;

/**
 * Becomes the owner of the folder or the guest of its owner. LMDB must never be open in two processes, so:
 * - An owner listens on a socket of its own before its file `owner.N` appears (made with its content, exclusively). A kernel that
 *   takes a connection there proves the owner alive, however slow it is; one that refuses proves it dead. No clock, no pid to be reused.
 * - N only grows: whoever finds owner.N dead tries to create owner.N+1, and one of them succeeds.
 */
export async function standForOwner(places: Places): Promise<Owning | Visiting> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    const latest = await latestOwner(places.folder);
    const state = latest.entry ? await examine(places, latest.entry) : 'dead';
    if (state === 'dead') {
      const won = await contend(places, latest.number + 1);
      if (won) return won;
    } else if (typeof state === 'object') {
      const visit = await visitOwner(state, patience);
      if (visit === 'slow')
        throw new Error(
          `The data folder ${places.folder} has an owner that lives but has not become ready: wait for it, or end it.`,
        );
      if (visit) return visit;
    } else if (patience.aborted) {
      throw new Error(
        `The data folder ${places.folder} is owned by process ${latest.entry?.pid ?? 0}, which runs but does not answer: end it, or wait for it.`,
      );
    } else await sleep(RETRY_MS);
  }
}

async function latestOwner(folder: string): Promise<{ number: number; entry?: Entry }> {
  const numbers = await ownerNumbers(folder);
  const number = Math.max(0, ...numbers);
  if (number === 0) return { number };
  const text = await readFile(ownerFile(folder, number), 'utf8').catch(() => undefined);
  // Gone since the listing: a newer owner has tidied up, so look again.
  return text === undefined ? latestOwner(folder) : { number, entry: parseEntry(text, ownerFile(folder, number)) };
}

function parseEntry(text: string, file: string): Entry {
  try {
    return JSON.parse(text) as Entry;
  } catch (cause) {
    throw new Error(`The file ${file} cannot be read. If no process uses this data folder, delete it.`, { cause });
  }
}

async function ownerNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names.flatMap((name) => (/^owner\.\d+$/.test(name) ? [Number(name.slice('owner.'.length))] : []));
}

function ownerFile(folder: string, number: number): string {
  return join(folder, `owner.${number}`);
}

async function examine(places: Places, entry: Entry): Promise<Socket | 'dead' | 'unsure'> {
  if (entry.ended) return 'dead';
  const answer = await new Promise<Socket | string>((resolve) => {
    const socket = connect(join(places.sockets, entry.live));
    socket.once('connect', () => {
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? 'unknown');
    });
  });
  if (typeof answer === 'object') return answer;
  // Anything else (a full backlog, no descriptors left) says nothing about the owner.
  if (answer !== 'ECONNREFUSED' && answer !== 'ENOENT') return 'unsure';
  // Somebody may have deleted the socket file of a living owner; a process on its way out may still be writing.
  return stillRuns(entry) ? 'unsure' : 'dead';
}

function stillRuns({ pid, boot, started }: Entry): boolean {
  if (boot !== bootId()) return false;
  const state = processState(pid);
  if (state) return state.started === started && !state.gone;
  if (boot !== '') return false;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

// Linux only; elsewhere these are empty and a process number has to do. Field 3 of stat is the state, field 22 the start.
function processState(pid: number): { started: string; gone: boolean } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { started: fields[19] ?? '', gone: fields[0] === 'Z' || fields[0] === 'X' };
  } catch {
    return undefined;
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

async function contend(places: Places, number: number): Promise<Owning | undefined> {
  const live = `live.${randomBytes(8).toString('hex')}`;
  const beacon = await Beacon.light(join(places.sockets, live));
  const file = ownerFile(places.folder, number);
  const entry: Entry = { live, pid: process.pid, boot: bootId(), started: processState(process.pid)?.started ?? '' };
  try {
    if (!(await createWith(file, JSON.stringify(entry)))) {
      beacon.close();
      return undefined;
    }
    // While this one was slow, others may have come, gone and tidied this number away: then the number won is an old one.
    const numbers = await ownerNumbers(places.folder);
    if (numbers.some((other) => other > number)) {
      await rm(file, { force: true });
      beacon.close();
      return undefined;
    }
    await tidy(
      places,
      numbers.filter((other) => other < number),
    );
  } catch (error) {
    beacon.close();
    throw error;
  }
  return {
    owner: true,
    announce: () => {
      beacon.announce();
    },
    onBackup: (backup) => {
      beacon.onBackup = backup;
    },
    release: async () => {
      const draft = `${file}.draft`;
      await writeFile(draft, JSON.stringify({ ...entry, ended: true } satisfies Entry), { mode: 0o600, flush: true })
        .then(() => rename(draft, file))
        .catch(() => undefined);
      beacon.close();
    },
  };
}

async function tidy(places: Places, numbers: number[]): Promise<void> {
  for (const number of numbers) {
    const file = ownerFile(places.folder, number);
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text !== undefined) await rm(join(places.sockets, parseEntry(text, file).live), { force: true });
    await rm(file, { force: true });
  }
}
