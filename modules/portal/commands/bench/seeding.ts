import { performance } from 'node:perf_hooks';
import { settingsSchema } from '../../../../config/settings.ts';
import type { ContactPattern } from '../demo-contacts.ts';
import { CommandProcess } from './command-process.ts';

type Environment = Readonly<Record<string, string>>;

/** The environment without the portal's settings: what is measured is the portal as it comes. The size of the thread pool is the machine's own. */
export function withoutSettings(given: Environment): Environment {
  return Object.fromEntries(
    Object.entries(given).filter(([name]) => name === 'UV_THREADPOOL_SIZE' || !(name in settingsSchema.shape)),
  );
}

/** Fills a data folder with so many contacts, as `npm run demo` does. */
export async function seedContacts(options: {
  dataDir: string;
  count: number;
  environment: Environment;
}): Promise<{ pattern: ContactPattern; seconds: number }> {
  const begun = performance.now();
  const demo = new CommandProcess<{ pattern: ContactPattern }>(
    ['demo', '--json', '--contacts', String(options.count)],
    { ...options.environment, DATA_DIR: options.dataDir, PORT: '0', LOG_LEVEL: 'warn' },
  );
  const { pattern } = await demo.report;
  const seconds = (performance.now() - begun) / 1000;
  await demo.end('SIGTERM');
  return { pattern, seconds };
}
