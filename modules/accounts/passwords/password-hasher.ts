import { randomBytes } from 'node:crypto';
import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2';
import { createBoundedQueue, type QueueLoad } from './bounded-queue.ts';
import { readParameters, type PasswordParameters, type PasswordRecord } from './password-record.ts';
import { normalisePassword } from './password-text.ts';

export type { PasswordParameters, PasswordRecord } from './password-record.ts';

export interface Pepper {
  id: string;
  key: Buffer;
}

export interface PasswordVerdict {
  right: boolean;
  /** Right, but made with other parameters or an older pepper: the caller stores a new record. */
  stale: boolean;
}

export interface PasswordHasher {
  /** Throws `Refused('busy')` when the queue is full. */
  hash(plain: string): Promise<PasswordRecord>;
  /** Costs one argon2 run whatever the answer; `null` is for unknown people. Throws `Refused('busy')` when the queue is full. */
  verify(record: PasswordRecord | null, plain: string): Promise<PasswordVerdict>;
  load(): QueueLoad;
}

export interface PasswordHasherOptions {
  /** Newest first: the first one goes into new records, the others still open old ones. */
  peppers: readonly Pepper[];
  parameters: PasswordParameters;
  concurrency: number;
  queueLimit: number;
  /** Hears of records that cannot be checked (unknown pepper, malformed hash). They count as a wrong password. */
  onFault?: (error: Error) => void;
  /** The edge: tests count the runs here. */
  argon2?: { hash: typeof argon2Hash; verify: typeof argon2Verify };
}

const shortestPepper = 32;
const wrong: PasswordVerdict = Object.freeze({ right: false, stale: false });

/** Hashes and checks passwords: argon2id keyed with a pepper, behind a bounded queue, at the same price for everybody. */
export function createPasswordHasher(options: PasswordHasherOptions): PasswordHasher {
  const { parameters, onFault } = options;
  const argon2 = options.argon2 ?? { hash: argon2Hash, verify: argon2Verify };
  const keys = keysById(options.peppers);
  const newest = newestOf(options.peppers);
  const queue = createBoundedQueue({ concurrency: options.concurrency, limit: options.queueLimit });
  const settings = {
    memoryCost: parameters.memoryKib,
    timeCost: parameters.iterations,
    parallelism: parameters.parallelism,
    // RFC 9106's own key input K: the whole password goes in as it is, with no pre-hash to be shucked or cut at a NUL.
    secret: newest.key,
  };
  const dummy: PasswordRecord = { hash: hashOfNothing(parameters), pepper: newest.id };

  async function burn(): Promise<PasswordVerdict> {
    await argon2.verify(dummy.hash, '', { secret: newest.key });
    return wrong;
  }

  async function check(record: PasswordRecord, text: string): Promise<PasswordVerdict> {
    let right: boolean;
    let made: PasswordParameters;
    try {
      const secret = keys.get(record.pepper);
      if (!secret) throw new Error('The password record names a pepper that is not among the keys.');
      made = readParameters(record);
      right = await argon2.verify(record.hash, text, { secret });
    } catch (error) {
      onFault?.(
        error instanceof Error ? error : new Error('A password record could not be checked.', { cause: error }),
      );
      return burn();
    }
    return { right, stale: right && (record.pepper !== newest.id || !areEqual(made, parameters)) };
  }

  return {
    async hash(plain) {
      const text = normalisePassword(plain);
      if (text === null) throw new RangeError('An over-long password reached the hasher: check the rules first.');
      return queue.run(async () => ({ hash: await argon2.hash(text, settings), pepper: newest.id }));
    },
    async verify(record, plain) {
      const text = normalisePassword(plain);
      return queue.run(() => (record === null || text === null ? burn() : check(record, text)));
    },
    load: () => queue.load(),
  };
}

/**
 * A hash to check the passwords of unknown people against, at the price of a real one (ENUM-2): random bytes in the place of what argon2id
 * would give, which no password can be found for. It is there from the start and costs no run.
 */
function hashOfNothing({ memoryKib, iterations, parallelism }: PasswordParameters): string {
  const random = (bytes: number) => randomBytes(bytes).toString('base64').replace(/=+$/, '');
  const costs = `m=${String(memoryKib)},t=${String(iterations)},p=${String(parallelism)}`;
  return `$argon2id$v=19$${costs}$${random(16)}$${random(32)}`;
}

function newestOf(peppers: readonly Pepper[]): Pepper {
  const [newest] = peppers;
  if (!newest) throw new Error('Passwords need at least one pepper key.');
  return newest;
}

function keysById(peppers: readonly Pepper[]): Map<string, Buffer> {
  const keys = new Map(peppers.map(({ id, key }) => [id, key]));
  if (keys.size !== peppers.length) throw new Error('Two pepper keys have the same id.');
  if (peppers.some(({ key }) => key.length < shortestPepper)) {
    throw new Error(`A pepper key needs at least ${String(shortestPepper)} bytes.`);
  }
  return keys;
}

function areEqual(a: PasswordParameters, b: PasswordParameters): boolean {
  return a.memoryKib === b.memoryKib && a.iterations === b.iterations && a.parallelism === b.parallelism;
}
