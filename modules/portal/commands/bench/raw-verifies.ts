import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { hash, verify } from '@node-rs/argon2';

/** How fast this machine checks passwords when it does nothing else. */
export interface RawVerifies {
  perSecond: number;
  cpuMs: number;
}

/** Checks one password over and over, with the portal's parameters and as many at a time as the portal checks. */
export async function measureRawVerifies(options: {
  argon2: { memoryKib: number; iterations: number; parallelism: number };
  atATime: number;
  ms: number;
}): Promise<RawVerifies> {
  const { memoryKib, iterations, parallelism } = options.argon2;
  const secret = randomBytes(32);
  const password = 'quiet harbour lantern 42';
  const record = await hash(password, { memoryCost: memoryKib, timeCost: iterations, parallelism, secret });
  let count = 0;
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const work = async (): Promise<void> => {
    while (performance.now() < begun + options.ms) {
      if (!(await verify(record, password, { secret }))) throw new Error('A right password was refused.');
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: options.atATime }, work));
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (1000 * count) / (performance.now() - begun), cpuMs: (user + system) / 1000 / count };
}
