import type { Command } from 'commander';
import type { Config } from '../../../config/index.ts';
import { createLog } from '../../platform/log.ts';
import { backupEmbeddedStore, openDatabase, runEmbeddedStore, type Database } from '../../platform/mongo.ts';
import { databaseEnd, folderEnd, transfer, type CollectionSum } from '../../platform/transfer.ts';

/** `store run|export|import|copy|backup`: the embedded store alone, and the ways out and back. */
export function addStoreCommands(program: Command, loadConfig: () => Config): void {
  const store = program.command('store').description('Runs the embedded store alone, moves its data, and backs it up.');

  store
    .command('run')
    .description('Runs the embedded store of a data folder until it is stopped.')
    .requiredOption('--data <dir>', 'the data folder (DATA_DIR of a portal)')
    .option('--listen <host:port>', 'listen on a loopback port as well; 127.0.0.1:0 takes a free one')
    .action(async (options: { data: string; listen?: string }) => {
      const running = await runEmbeddedStore(options.data, options.listen === undefined ? undefined : parseLoopback(options.listen));
      process.stdout.write(`${JSON.stringify({ uri: running.uri })}\n`);
      const stop = () => void running.close().then(() => process.exit(0));
      process.on('SIGTERM', stop);
      process.on('SIGINT', stop);
      const error = await running.failed;
      throw error;
    });

  store
    .command('export <dir>')
    .description('Writes every collection into an empty folder, as Extended JSON.')
    .action((dir: string) => withDatabase(loadConfig(), async ({ connection }) => report(await transfer(databaseEnd(dbOf(connection)), folderEnd(dir)))));

  store
    .command('import <dir>')
    .description('Reads an exported folder into the empty database of the settings.')
    .action((dir: string) => withDatabase(loadConfig(), async ({ connection }) => report(await transfer(folderEnd(dir), databaseEnd(dbOf(connection))))));

  store
    .command('copy')
    .description('Copies the database of the settings into another, empty one.')
    .requiredOption('--to <uri>', 'MONGODB_URI of the target')
    .action((options: { to: string }) =>
      withDatabase(loadConfig(), async (from) => {
        const config = { ...loadConfig(), mongodbUri: options.to };
        await withDatabase(config, async (to) => {
          report(await transfer(databaseEnd(dbOf(from.connection)), databaseEnd(dbOf(to.connection))));
        });
      }),
    );

  store
    .command('backup <file>')
    .description('Writes a consistent copy of the embedded store into a new file, beside a running portal too.')
    .action(async (file: string) => {
      const config = loadConfig();
      if (config.mongodbUri !== null) throw new Error('MONGODB_URI is set: back that database up with its own tools.');
      const { bytes } = await backupEmbeddedStore(config.dataDir, file);
      process.stdout.write(`Wrote ${file} (${String(bytes)} bytes). Keep the key files with it, apart from it: one is no use without the other.\n`);
    });
}

async function withDatabase(config: Config, use: (database: Database) => Promise<void>): Promise<void> {
  const database = await openDatabase({ uri: config.mongodbUri, dataDir: config.dataDir, log: createLog(config.logLevel, 'stderr') });
  try {
    await use(database);
  } finally {
    await database.close();
  }
}

function dbOf(connection: Database['connection']) {
  if (!connection.db) throw new Error('The database is not connected.');
  return connection.db;
}

function report(sums: readonly CollectionSum[]): void {
  for (const { collection, count, checksum } of sums) process.stdout.write(`${checksum}  ${String(count).padStart(8)}  ${collection}\n`);
  process.stdout.write(`${String(sums.length)} collections, ${String(sums.reduce((all, one) => all + one.count, 0))} documents: both ends are equal.\n`);
}

// The store has no passwords of its own: a port that others can reach would be everybody's.
function parseLoopback(text: string): { host: string; port: number } {
  const match = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[?::1\]?):(\d{1,5})$/.exec(text);
  if (!match?.[1] || Number(match[2]) > 65535) throw new Error(`--listen takes a loopback address such as 127.0.0.1:27018, not "${text}".`);
  return { host: match[1].replace(/[[\]]/g, ''), port: Number(match[2]) };
}
