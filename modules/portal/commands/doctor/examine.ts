import type { Connection } from 'mongoose';
import type { Config } from '../../../../config/index.ts';
import type { Clock } from '../../../kernel/ports.ts';
import type { KeyRing } from '../../../platform/keys.ts';
import { createLog } from '../../../platform/log.ts';
import { openDatabase } from '../../../platform/mongo.ts';
import { lookAtClock, judgeSync, readSync } from './clock.ts';
import { askServer, judgeServer, lookAtAdministrators, lookAtSchema } from './database.ts';
import { Report, warning, type Line } from './finding.ts';
import { compareIndexes, declaredIndexes, indexesOf, type OpenedPortal } from './indexes.ts';
import { lookAtFit, lookAtKeys } from './keys.ts';
import { lookAtMailServer, lookAtOutbox } from './mail.ts';
import { lookAtDataFolder, lookAtDisk, lookAtPortal } from './machine.ts';
import { lookAtAddress, lookAtMode, lookAtThreads } from './settings.ts';

export interface DoctorPorts {
  readConfig: () => Config;
  openPortal: (config: Config) => Promise<OpenedPortal>;
  clock: Clock;
}

/** Looks at everything, one thing after the other. Nothing is changed, but for the files by which the embedded store knows its owner. */
export async function examine(ports: DoctorPorts): Promise<Line[]> {
  const report = new Report();
  const config = await report.learn('settings', () => {
    const value = ports.readConfig();
    return { findings: [lookAtMode(value)], value };
  });
  if (!config) return report.lines;
  await report.note('address', () => lookAtAddress(config));
  await report.note('threads', () => lookAtThreads(config));
  const keys = await report.learn('keys', () => lookAtKeys(config));
  if (config.port > 0) await report.note('portal', () => lookAtPortal(config));
  await report.note('mail server', () => lookAtMailServer(config));
  await report.note('clock', async () => judgeSync(await readSync()));
  if (await examineFolder(report, config)) await examineDatabase(report, { config, keys, ports });
  return report.lines;
}

/** True where the database may be opened. */
async function examineFolder(report: Report, config: Config): Promise<boolean> {
  if (config.mongodbUri !== null) return true;
  const mayOpen = await report.learn('data folder', () => lookAtDataFolder(config));
  if (mayOpen) await report.note('disk', () => lookAtDisk(config.dataDir));
  return mayOpen ?? false;
}

interface Known {
  config: Config;
  keys: KeyRing | null;
  ports: DoctorPorts;
}

async function examineDatabase(report: Report, known: Known): Promise<void> {
  const { mongodbUri: uri, dataDir } = known.config;
  const open = async () => {
    const database = await openDatabase({ uri, dataDir, log: createLog('silent') });
    return { findings: judgeServer(await askServer(database)), value: database };
  };
  const database = await report.learn('database', open, 20_000);
  if (!database) return;
  try {
    await examineRows(report, database.connection, known);
  } finally {
    await database.close();
  }
}

async function examineRows(report: Report, connection: Connection, { config, keys, ports }: Known): Promise<void> {
  const version = await report.learn('schema', () => lookAtSchema(connection));
  // Nothing of ours is there: every further look would only say so again.
  if (version === null) return;
  const indexes = async () =>
    compareIndexes(await declaredIndexes(config, ports.openPortal), await indexesOf(connection));
  const fit = () => (keys ? lookAtFit(connection, keys) : warning('Not looked at.', 'Mend the keys first.'));
  await report.note('indexes', indexes);
  await report.note('keys and data', fit, 60_000);
  await report.note('administrators', () => lookAtAdministrators(connection));
  await report.note('outbox', () => lookAtOutbox(connection, ports.clock));
  await report.note('clock', () => lookAtClock(connection, ports.clock));
}
