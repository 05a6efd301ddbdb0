import { Long } from 'bson';

import type { Answer, Call, Command, Engine } from './engine.ts';
import { MongoError } from './errors.ts';
import { isDoc, toDoc, type Value } from './values.ts';

// As MongoDB 7.0: from 25 on drivers would send bulkWrite.
const MAX_WIRE_VERSION = 21;
const VERSION = '7.0.0';
const SET_NAME = 'embedded';

const answer = (fields: Record<string, unknown>): Answer => ({ reply: toDoc(fields) });

/**
 * The handshake. As the primary of a replica set drivers send retryable writes. No topologyVersion: with it their monitors wait for
 * replies that nobody streams to them.
 */
export function hello(engine: Engine, primaryField: 'ismaster' | 'isWritablePrimary'): Answer {
  return answer({
    [primaryField]: true,
    secondary: false,
    helloOk: true,
    setName: SET_NAME,
    setVersion: 1,
    hosts: [engine.host],
    primary: engine.host,
    me: engine.host,
    maxBsonObjectSize: 16 * 1024 * 1024,
    maxMessageSizeBytes: 48_000_000,
    maxWriteBatchSize: 100_000,
    localTime: new Date(),
    logicalSessionTimeoutMinutes: 30,
    connectionId: 1,
    minWireVersion: 0,
    maxWireVersion: MAX_WIRE_VERSION,
    readOnly: false,
  });
}

const handshake = (primaryField: 'ismaster' | 'isWritablePrimary'): Command => ({
  shape: { isLenient: true },
  run: (engine) => hello(engine, primaryField),
});

function serverStatus(engine: Engine): Answer {
  const { current, total } = engine.connections();
  const uptime = (Date.now() - engine.startedAt) / 1000;
  return answer({
    host: engine.host,
    version: VERSION,
    process: 'embedded',
    pid: Long.fromNumber(process.pid),
    uptime,
    uptimeMillis: Long.fromNumber(Math.round(uptime * 1000)),
    localTime: new Date(),
    connections: { current, available: 10_000, totalCreated: total },
  });
}

function buildInfo(): Answer {
  return answer({
    version: VERSION,
    gitVersion: 'embedded',
    modules: ['embedded-store'],
    versionArray: [...VERSION.split('.').map(Number), 0],
    bits: 64,
    debug: false,
    maxBsonObjectSize: 16 * 1024 * 1024,
    storageEngines: ['lmdb'],
  });
}

function endSessions(_engine: Engine, { target }: Call): Answer {
  if (!Array.isArray(target) || !target.every(isSession)) {
    throw new MongoError(
      14,
      "BSON field 'endSessions.endSessions' is the wrong type, expected type 'array' of sessions",
    );
  }
  // Their cursors end by themselves, and a write may still be sent again in their name.
  return answer({});
}

function isSession(value: Value): boolean {
  return isDoc(value) && value.has('id');
}

/** Commands about the server. */
export const SERVER_COMMANDS: Readonly<Record<string, Command>> = {
  hello: handshake('isWritablePrimary'),
  ismaster: handshake('ismaster'),
  isMaster: handshake('ismaster'),
  ping: { shape: { isLenient: true }, run: () => answer({}) },
  buildInfo: { shape: { isLenient: true }, run: buildInfo },
  buildinfo: { shape: { isLenient: true }, run: buildInfo },
  serverStatus: { shape: { isLenient: true }, run: serverStatus },
  connectionStatus: {
    shape: { takes: ['showPrivileges'] },
    run: () => answer({ authInfo: { authenticatedUsers: [], authenticatedUserRoles: [] } }),
  },
  endSessions: { shape: {}, run: endSessions },
};
