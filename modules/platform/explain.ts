import { PlainError } from '../kernel/plain-error.ts';
import { isDatabaseAway } from './mongo-errors.ts';

const systemErrors: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Another process listens on this address already. Set PORT to another one, or stop the other process.',
  EADDRNOTAVAIL: 'HOST is no address of this machine.',
  EACCES: 'This user may not use that file, folder or port.',
  EPERM: 'This user may not use that file, folder or port.',
  ENOTDIR: 'A part of the path of the data folder is a file.',
  ENOENT: 'A file or folder that is needed is missing.',
  EROFS: 'The data folder is on a file system that can only be read.',
  ENOSPC: 'The disk is full.',
};

/** The sentence for what the person at the terminal can mend; null for a bug, which needs its stack. */
export function sentenceFor(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  // By its name: config stands beside the modules and imports none of them.
  if (error instanceof PlainError || error.name === 'ConfigurationError') return error.message;
  if (isDatabaseAway(error)) return 'The database of MONGODB_URI does not answer. Start it, or correct the address.';
  if (error.name === 'MongoParseError' || error.name === 'MongoInvalidArgumentError')
    return 'MONGODB_URI is not an address that the driver can read.';
  const { code, path } = error as NodeJS.ErrnoException;
  const sentence = code === undefined ? undefined : systemErrors[code];
  return sentence === undefined ? null : `${sentence}${path === undefined ? '' : ` (${path})`}`;
}

/** Prints the sentence, or the stack of a bug, and ends. */
export function explainAndExit(error: unknown): never {
  const text = sentenceFor(error) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
