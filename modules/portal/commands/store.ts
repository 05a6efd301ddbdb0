import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { ConfigurationError, type Config } from '../../../config/index.ts';
import { createLog } from '../../platform/log.ts';
import { backupEmbeddedStore, runEmbeddedStore } from '../../platform/embedded-store.ts';
import { isDatabaseAway } from '../../platform/mongo-errors.ts';
import { databaseEnd } from '../../platform/transfer-database.ts';
import { folderEnd } from '../../platform/transfer-folder.ts';
import { transfer, type CollectionSum, type Source, type Target } from '../../platform/transfer.ts';

/** `store run|export|import|copy|backup`: the embedded store alone, and the ways out and back. */
export function addStoreCommands(program: Command, loadConfig: () => Config): void {
  const store = program.command('store').description('Runs the embedded store alone, moves its data, and backs it up.');

  store
    .command('run')
    .description('Runs the embedded store of a data folder until it is stopped.')
    .requiredOption('--data <dir>', 'the data folder (DATA_DIR of a portal)')
    .option('--listen <host:port>', 'listen on a loopback port as well; 127.0.0.1:0 takes a free one')
    .action((options: { data: string; listen?: string }) =>
      explained(store, () => run(resolve(options.data), options.listen)),
    );

  store
    .command('export <dir>')
    .description('Writes every collection into an empty folder, as Extended JSON.')
    .action((dir: string) =>
      explained(store, () => withDatabase(loadConfig(), async (own) => report(await transfer(own, folderEnd(dir))))),
    );

  store
    .command('import <dir>')
    .description('Reads an exported folder into the empty database of the settings.')
    .action((dir: string) =>
      explained(store, () => withDatabase(loadConfig(), async (own) => report(await transfer(folderEnd(dir), own)))),
    );

  store
    .command('copy')
    .description('Copies the database of the settings into another, empty one.')
    .requiredOption('--to <uri>', 'MONGODB_URI of the target')
    .action((options: { to: string }) =>
      explained(store, async () => {
        const config = loadConfig();
        await withDatabase(config, (own) =>
          withDatabase({ ...config, mongodbUri: options.to }, async (other) => report(await transfer(own, other))),
        );
      }),
    );

  store
    .command('backup <file>')
    .description('Writes a consistent copy of the embedded store into a new file, beside a running portal too.')
    .action((file: string) => explained(store, () => backUp(loadConfig(), resolve(file))));
}

async function run(dataDir: string, listen: string | undefined): Promise<void> {
  const running = await runEmbeddedStore(dataDir, listen === undefined ? undefined : parseLoopback(listen));
  let isStopping = false;
  // npm passes on a signal that the terminal has already sent to both: the second one must not cut the closing short.
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    void running.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.stdout.write(`${JSON.stringify({ uri: running.uri })}\n`);
  throw await running.failed;
}

// The store has no passwords of its own: a port that others can reach would be everybody's.
function parseLoopback(text: string): { host: string; port: number } {
  const match = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\]):(\d{1,5})$/.exec(text);
  if (!match?.[1] || Number(match[2]) > 65535) {
    throw new ConfigurationError(`--listen takes a loopback address such as 127.0.0.1:27018, not "${text}".`);
  }
  return { host: match[1].replace(/[[\]]/g, ''), port: Number(match[2]) };
}

async function backUp(config: Config, file: string): Promise<void> {
  if (config.mongodbUri !== null) {
    throw new ConfigurationError('MONGODB_URI is set: back that database up with its own tools.');
  }
  if (existsSync(file)) throw new ConfigurationError(`${file} exists already. Name a new file: nothing was written.`);
  if (!existsSync(dirname(file)))
    throw new ConfigurationError(`There is no folder ${dirname(file)}: nothing was written.`);
  const { bytes } = await backupEmbeddedStore(config.dataDir, file);
  process.stdout.write(
    `Wrote ${file} (${String(bytes)} bytes). Keep the key files with it, apart from it: one is no use without the other.\n`,
  );
}

async function withDatabase(config: Config, use: (end: Source & Target) => Promise<void>): Promise<void> {
  const log = createLog(config.logLevel, 'stderr');
  const { openDatabase } = await import('../../platform/mongo.ts');
  const database = await openDatabase({ uri: config.mongodbUri, dataDir: config.dataDir, log });
  try {
    if (!database.connection.db) throw new Error('The database is not connected.');
    await use(databaseEnd(database.connection.db));
  } finally {
    await database.close();
  }
}

function report(sums: readonly CollectionSum[]): void {
  for (const { collection, count, checksum } of sums) {
    process.stdout.write(`${checksum}  ${String(count).padStart(8)}  ${collection}\n`);
  }
  const all = sums.reduce((count, one) => count + one.count, 0);
  process.stdout.write(`${String(sums.length)} collections, ${String(all)} documents: both ends are equal.\n`);
}

// What an operator can mend comes as an Error with a sentence; errors of other kinds are faults of ours and keep their stack.
async function explained(command: Command, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (isDatabaseAway(error)) command.error(`The database can't be reached: ${(error as Error).message}`);
    if (!(error instanceof Error) || error instanceof TypeError || error instanceof ReferenceError) throw error;
    command.error(error.message);
  }
}
