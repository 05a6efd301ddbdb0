import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PlainError } from '../kernel/plain-error.ts';

/** One key file for each purpose; a leak of one opens nothing that another guards. */
export const keyPurposes = ['session', 'seal', 'pepper', 'csrf', 'lookup'] as const;
export type KeyPurpose = (typeof keyPurposes)[number];

export interface Key {
  id: string;
  bytes: Buffer;
}

/** Keys of each purpose, newest first: the first makes, all of them check. */
export type KeyRing = Readonly<Record<KeyPurpose, readonly [Key, ...Key[]]>>;

export class KeyError extends PlainError {
  override name = 'KeyError';
}

const keyLength = 32;
const placeholder = /change[-_ ]?me|secret|password|example|placeholder|default|insecure/i;

/** Makes a folder (0700) with one fresh key for each purpose that has none yet (0600). Safe to run in two processes at once. */
export function makeKeys(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const purpose of keyPurposes) {
    const file = join(folder, purpose);
    if (!existsSync(file)) writeOnce(file, newKeyLine());
  }
}

/** Puts a fresh key in front of one purpose's file; the older ones go on checking. */
export function rotateKey(folder: string, purpose: KeyPurpose): string {
  const file = join(folder, purpose);
  const line = newKeyLine();
  const next = `${file}.next`;
  writeFileSync(next, line + readFileSync(file, 'utf8'), { mode: 0o600 });
  renameSync(next, file);
  return line.slice(0, line.indexOf(':'));
}

/** Reads and checks all key files. Throws a KeyError that says which file is wrong and how, never what is in it. */
export function readKeys(folder: string, options: { ownerOnly?: boolean } = {}): KeyRing {
  if (options.ownerOnly) for (const purpose of keyPurposes) refuseReadable(join(folder, purpose), purpose);
  const ring = Object.fromEntries(keyPurposes.map((purpose) => [purpose, readPurpose(join(folder, purpose), purpose)]));
  const seen = new Map<string, string>();
  for (const purpose of keyPurposes) {
    for (const key of ring[purpose] ?? []) {
      const other = seen.get(key.bytes.toString('base64'));
      if (other)
        throw new KeyError(`The key files "${other}" and "${purpose}" hold the same key; each purpose needs its own.`);
      seen.set(key.bytes.toString('base64'), purpose);
    }
  }
  return ring as unknown as KeyRing;
}

function refuseReadable(file: string, purpose: KeyPurpose): void {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o077) !== 0)
    throw new KeyError(
      `The key file "${purpose}" can be read by others on this machine: \`chmod 600\` it, and rotate the key if they may have.`,
    );
}

function readPurpose(file: string, purpose: KeyPurpose): Key[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KeyError(
      `The key file "${purpose}" is missing or can't be read. \`npm run gatehouse -- keys new DIR\` makes a folder of keys.`,
      { cause },
    );
  }
  const keys = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => parseKey(line, purpose));
  if (keys.length === 0) throw new KeyError(`The key file "${purpose}" is empty.`);
  if (new Set(keys.map((key) => key.id)).size < keys.length)
    throw new KeyError(`The key file "${purpose}" names two keys alike.`);
  return keys;
}

function parseKey(line: string, purpose: KeyPurpose): Key {
  const match = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/_-]+=*)$/.exec(line);
  if (placeholder.test(line)) throw new KeyError(`The key file "${purpose}" holds a placeholder, not a key.`);
  if (!match?.[1] || !match[2]) throw new KeyError(`The key file "${purpose}" has a line that is not "id:base64".`);
  const bytes = Buffer.from(match[2], 'base64');
  if (bytes.length < keyLength)
    throw new KeyError(`The key file "${purpose}" holds a key shorter than ${String(keyLength)} bytes.`);
  if (new Set(bytes).size < 8 || isText(bytes))
    throw new KeyError(`The key file "${purpose}" holds a placeholder, not a key.`);
  return { id: match[1], bytes: bytes.subarray(0, keyLength) };
}

// Thirty-two random bytes are all printable once in 10^13 keys: what reads as text was typed, and can be guessed.
function isText(bytes: Buffer): boolean {
  return bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
}

function newKeyLine(): string {
  return `k${randomBytes(4).toString('hex')}:${randomBytes(keyLength).toString('base64')}\n`;
}

// Written beside and linked into place: two first starts at once both read the winner's key, and a crash leaves no half file.
function writeOnce(file: string, text: string): void {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, text, { mode: 0o600 });
  chmodSync(draft, 0o600);
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
}
