import { parseOptions } from '@node-rs/argon2';

/** What is stored for a password: an argon2id PHC string, and the id of the pepper that went into it. */
export interface PasswordRecord {
  hash: string;
  pepper: string;
}

export interface PasswordParameters {
  memoryKib: number;
  iterations: number;
  parallelism: number;
}

const argon2id = 2;
const version13 = 1;

// Whoever can write to the database could plant a record that costs gigabytes and minutes with each try.
const ceiling = { memoryKib: 1024 * 1024, iterations: 32, parallelism: 16 };
const shortestSalt = 8;
const shortestOutput = 16;

/** The parameters a record was made with. Throws when it is not an argon2id record that we are ready to compute. */
export function readParameters(record: PasswordRecord): PasswordParameters {
  const found = parseOptions(record.hash);
  const isOurs =
    (found.algorithm as number) === argon2id &&
    (found.version as number) === version13 &&
    found.saltLen >= shortestSalt &&
    found.outputLen >= shortestOutput &&
    found.memoryCost <= ceiling.memoryKib &&
    found.timeCost <= ceiling.iterations &&
    found.parallelism <= ceiling.parallelism;
  if (!isOurs) throw new Error('The password record is not argon2id within the accepted parameters.');
  return { memoryKib: found.memoryCost, iterations: found.timeCost, parallelism: found.parallelism };
}
