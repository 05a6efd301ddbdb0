import { Command } from 'commander';
import { ConfigurationError, loadConfig } from './config/index.ts';
import { addBenchCommands } from './modules/portal/commands/bench-store.ts';
import { describeDemo, seedDemo, throwAwayFolder } from './modules/portal/commands/demo.ts';
import { addKeyCommands } from './modules/portal/commands/keys.ts';
import { addDocsCommands } from './modules/portal/commands/docs.ts';
import { addStoreCommands } from './modules/portal/commands/store.ts';
import { createLog } from './modules/platform/log.ts';
import { explainAndExit, exitOnFailure, listen, openPortal, stopGracefully } from './server.ts';

const program = new Command('gatehouse').description('The command line of the portal. Every command reads the same settings as the portal.');

program
  .command('demo')
  .description('Serves a seeded example, in a throw-away folder or in DATA_DIR where that is given.')
  .option('--json', 'print one line of JSON, last, when the portal is ready')
  .action(async (options: { json?: boolean }) => {
    const given = loadConfig();
    if (given.production) throw new ConfigurationError('The demo does not run in production: its people have printed passwords.');
    const throwAway = given.dataDirGiven ? null : throwAwayFolder();
    process.on('exit', () => throwAway?.remove());
    const config = throwAway ? loadConfig({ ...given.factorSettings, DATA_DIR: throwAway.folder, LOG_LEVEL: given.logLevel }) : given;
    // With --json, standard output is for the report alone.
    const portal = await openPortal(config, options.json ? { log: createLog(config.logLevel, 'stderr') } : {});
    const people = await seedDemo(portal, config.dataDir);
    const server = await listen(portal);
    stopGracefully(server, portal);
    exitOnFailure(portal.database, portal.log);
    const report = { url: portal.baseUrl(), outbox: portal.devOutbox ? `${portal.baseUrl()}/dev/outbox.json` : null, people };
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : describeDemo(people, portal.baseUrl()));
  });

addBenchCommands(program);
addKeyCommands(program);
addStoreCommands(program, loadConfig);
addDocsCommands(program);

program.parseAsync().catch(explainAndExit);
