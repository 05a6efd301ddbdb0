import { hash, verify } from '@node-rs/argon2';
import { createPasswordHasher, type PasswordHasher, type PasswordHasherOptions } from '../password-hasher.ts';

/** Cheap enough for tests; the product's floor is tested once, with real ones. */
export const cheap = { memoryKib: 1024, iterations: 1, parallelism: 1 };

/** A pepper made of one byte, so that tests can tell peppers apart. */
export function pepper(id: string, byte: number): { id: string; key: Buffer } {
  return { id, key: Buffer.alloc(32, byte) };
}

/** A hasher whose argon2 runs are counted at the edge. */
export function countedHasher(change: Partial<PasswordHasherOptions> = {}): {
  hasher: PasswordHasher;
  runs: { hash: number; verify: number };
  faults: Error[];
} {
  const runs = { hash: 0, verify: 0 };
  const faults: Error[] = [];
  const argon2: PasswordHasherOptions['argon2'] = {
    hash: (...args) => ((runs.hash += 1), hash(...args)),
    verify: async (...args) => {
      const right = await verify(...args);
      runs.verify += 1;
      return right;
    },
  };
  const hasher = createPasswordHasher({
    ...{ peppers: [pepper('k1', 1)], parameters: cheap, concurrency: 2, queueLimit: 100, argon2 },
    onFault: (error) => faults.push(error),
    ...change,
  });
  return { hasher, runs, faults };
}
