import { createHash, randomBytes } from 'node:crypto';
import { chmod, link, lstat, mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The version of what the data folder holds; a folder of a higher one is refused. */
export const FORMAT = 1;

// sockaddr_un ends at 107 bytes on Linux and at 103 elsewhere.
const MAX_SOCKET_PATH_BYTES = 103;
const LONGEST_SOCKET_NAME = 'live.0123456789abcdef';

/** Where a store keeps its file, and where its sockets are (elsewhere when the folder's path is too long for them). */
export interface Places {
  folder: string;
  sockets: string;
}

/** Makes the data folder if need be, keeps others out of it, and refuses what a newer version wrote. */
export async function preparePlaces(folder: string): Promise<Places> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const real = await realpath(folder);
  if (((await stat(real)).mode & 0o077) !== 0) await chmod(real, 0o700);
  await checkFormat(real);
  const fits = Buffer.byteLength(join(real, LONGEST_SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES;
  return { folder: real, sockets: fits ? real : await shortFolder(real) };
}

/** Throws a sentence when the folder's format is not ours. */
export async function checkFormat(folder: string): Promise<void> {
  const text = await readFile(join(folder, 'format'), 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const found = Number(text.trim());
  if (found === FORMAT) return;
  throw new Error(
    found > FORMAT
      ? `The data folder ${folder} was written by a newer version of the embedded store (format ${found}; this version reads ${FORMAT}). Start the newer version, or restore a backup.`
      : `The data folder ${folder} has a file "format" that this version cannot read.`,
  );
}

/** Notes the format in a new folder; only the owner does this. */
export async function noteFormat(folder: string): Promise<void> {
  await createWith(join(folder, 'format'), `${FORMAT}\n`);
}

/** Creates a file together with its content, or returns false when it exists: O_EXCL that is never seen half-written. */
export async function createWith(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${randomBytes(8).toString('hex')}.draft`;
  await writeFile(draft, content, { mode: 0o600, flush: true });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** True for a system error of this code. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

// The note is named after the folder's inode: a copy of the folder must not come to share the sockets of the original.
async function shortFolder(folder: string): Promise<string> {
  const { dev, ino } = await stat(folder);
  const identity = createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 16);
  const note = join(folder, `sockets.${identity}`);
  const noted = await readFile(note, 'utf8').catch(() => undefined);
  if (noted !== undefined) return keepPrivate(noted.trim());
  const made = await mkdtemp(join(tmpdir().length < 40 ? tmpdir() : '/tmp', 'embedded-mongo-'));
  if (await createWith(note, `${made}\n`)) return made;
  await rm(made, { recursive: true });
  return keepPrivate((await readFile(note, 'utf8')).trim());
}

// A cleaner may have emptied the temp folder since; whoever else made one of that name must not hear our clients.
async function keepPrivate(folder: string): Promise<string> {
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (!isCode(error, 'EEXIST')) throw error;
  });
  const found = await lstat(folder);
  const mine = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
  if (!mine) throw new Error(`The socket folder ${folder} is not private to this user: remove it and start again.`);
  return folder;
}
