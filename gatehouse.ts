import { Command } from 'commander';
import { ConfigurationError, loadConfig } from './config/index.ts';
import { systemClock } from './modules/platform/clock.ts';
import { explainAndExit } from './modules/platform/explain.ts';
import { addSignInBench } from './modules/portal/commands/bench-sign-in.ts';
import { addStoreBench } from './modules/portal/commands/bench-store.ts';
import { addDoctorCommand } from './modules/portal/commands/doctor.ts';
import { addKeyCommands } from './modules/portal/commands/keys.ts';
import { addRescueCommands } from './modules/portal/commands/rescue.ts';
import { addStoreCommands } from './modules/portal/commands/store.ts';

const program = new Command('gatehouse').description(
  'The command line of the portal. Every command reads the same settings as the portal.',
);

// What serves pages is loaded by the commands that need it: the store alone is to be small, and every command to start at once.
program
  .command('demo')
  .description('Serves a seeded example, in a throw-away folder or in DATA_DIR where that is given.')
  .option('--json', 'print one line of JSON, last, when the portal is ready')
  .option('--contacts <n>', 'seed so many contacts more, who follow a printed pattern', '0')
  .action(async (options: { json?: boolean; contacts: string }) => {
    const given = loadConfig();
    if (given.production)
      throw new ConfigurationError('The demo does not run in production: its people have printed passwords.');
    const { listen, openPortal } = await import('./server.ts');
    const { exitOnFailure, stopGracefully } = await import('./modules/platform/http/serve.ts');
    const { contactsWanted, describeDemo, reportDemo, seedDemo, throwAwayFolder } =
      await import('./modules/portal/commands/demo.ts');
    const { createLog } = await import('./modules/platform/log.ts');
    const throwAway = given.dataDirGiven ? null : throwAwayFolder();
    process.on('exit', () => throwAway?.remove());
    // A throw-away demo has a database and keys of its own: one of MONGODB_URI would outlive the keys that open it.
    const { MONGODB_URI: _uri, KEYS_DIR: _keys, ...others } = given.factorSettings;
    const config = throwAway ? loadConfig({ ...others, DATA_DIR: throwAway.folder }) : given;
    // With --json, standard output is for the report alone.
    const portal = await openPortal(config, options.json ? { log: createLog(config.logLevel, 'stderr') } : {});
    const demo = await seedDemo(portal, config.dataDir, {
      contacts: contactsWanted(options.contacts),
      note: (text) => void process.stderr.write(`${text}\n`),
    });
    const server = await listen(portal);
    stopGracefully(server, portal);
    exitOnFailure(portal.database, portal.log);
    const report = {
      url: portal.baseUrl(),
      outbox: portal.devOutbox ? `${portal.baseUrl()}/dev/outbox.json` : null,
      ...reportDemo(demo),
    };
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : describeDemo(demo, portal.baseUrl()));
  });

program
  .command('docs')
  .description('Writes docs/configuration.md, docs/events.md and docs/errors.md from the code.')
  .option('--check', 'write nothing; fail when a page differs from the code')
  .action(async (options: { check?: boolean }) => {
    const { writeDocs } = await import('./modules/portal/commands/docs.ts');
    await writeDocs(options);
  });

const bench = program.command('bench').description('Measures the portal on this machine.');
addSignInBench(bench, loadConfig);
addStoreBench(bench);
addKeyCommands(program);
addStoreCommands(program, loadConfig);
addRescueCommands(program, async () => {
  const { openPortal } = await import('./server.ts');
  const { createLog } = await import('./modules/platform/log.ts');
  const config = loadConfig();
  return openPortal(config, { log: createLog(config.logLevel, 'stderr') });
});

addDoctorCommand(program, {
  readConfig: loadConfig,
  clock: systemClock,
  openPortal: async (config) => {
    const { openPortal } = await import('./server.ts');
    const { createLog } = await import('./modules/platform/log.ts');
    return openPortal(config, { log: createLog('silent') });
  },
});

program.parseAsync().catch(explainAndExit);
