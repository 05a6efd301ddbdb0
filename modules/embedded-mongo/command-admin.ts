import { Long } from 'bson';

import { type Collection } from './catalog.ts';
import { Arguments, namespaceOf } from './command-arguments.ts';
import { cursorAnswer } from './command-read.ts';
import type { Answer, Call, Command, Engine } from './engine.ts';
import { badValue, MongoError } from './errors.ts';
import { compileFilter } from './match.ts';
import { encode, equal, isDoc, isNumeric, toDoc, toNumber, type Doc, type Value } from './values.ts';

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

function listDatabases(engine: Engine, { given, database }: Call): Answer {
  if (database !== 'admin') throw new MongoError(13, 'listDatabases may only be run against the admin database.');
  const nameOnly = given.flag('nameOnly');
  const documents = new Map<string, number>();
  for (const { namespace, count } of engine.catalog.list()) {
    const name = namespace.slice(0, namespace.indexOf('.'));
    documents.set(name, (documents.get(name) ?? 0) + count);
  }
  const filter = compileFilter(given.doc('filter') ?? new Map());
  const databases = [...documents]
    .map(([name, count]) =>
      toDoc({ name, ...(nameOnly ? {} : { sizeOnDisk: Long.fromNumber(4096), empty: count === 0 }) }),
    )
    .filter((doc) => filter.matches(doc));
  return answer({
    databases,
    ...(nameOnly ? {} : { totalSize: Long.fromNumber(4096 * databases.length), totalSizeMb: Long.ZERO }),
  });
}

function* listCollections(engine: Engine, { given, database }: Call): Generator<undefined, Answer> {
  const nameOnly = given.flag('nameOnly');
  const filter = compileFilter(given.doc('filter') ?? new Map());
  const documents = engine.catalog
    .list(database)
    .map(({ namespace, indexes }) => {
      const shown = { options: {}, info: { readOnly: false }, idIndex: indexes[0]?.spec };
      return toDoc({ name: namespace.slice(database.length + 1), type: 'collection', ...(nameOnly ? {} : shown) });
    })
    .filter((doc) => filter.matches(doc));
  return yield* cursorAnswer(engine, {
    given,
    namespace: `${database}.$cmd.listCollections`,
    results: each(documents),
  });
}

/** Documents as the results of a cursor. */
export function* each(documents: Doc[]): Generator<Buffer | undefined, undefined> {
  for (const doc of documents) yield encode(doc);
}

function create(engine: Engine, { database, target }: Call): Answer {
  engine.catalog.ensure(namespaceOf(database, target));
  return answer({});
}

function drop(engine: Engine, { database, target }: Call): Answer {
  const namespace = namespaceOf(database, target);
  const collection = engine.catalog.get(namespace);
  if (!collection) return answer({});
  engine.catalog.drop(collection);
  return answer({ nIndexesWas: collection.indexes.length, ns: namespace });
}

function dropDatabase(engine: Engine, { database }: Call): Answer {
  for (const collection of engine.catalog.list(database)) engine.catalog.drop(collection);
  return answer({ dropped: database });
}

const COLL_MOD_REFUSES = [
  'validator',
  'validationLevel',
  'validationAction',
  'viewOn',
  'pipeline',
  'cappedSize',
  'cappedMax',
  'expireAfterSeconds',
  'timeseries',
  'changeStreamPreAndPostImages',
  'dryRun',
];

// Only the seconds of a TTL index can be changed.
function collMod(engine: Engine, { database, target, given }: Call): Answer {
  const collection = existing(engine, namespaceOf(database, target));
  const change = given.doc('index');
  if (!change) return answer({});
  const wanted = new Arguments(change, 'collMod.index', {
    takes: ['name', 'keyPattern', 'expireAfterSeconds'],
    refuses: ['hidden', 'unique', 'prepareUnique', 'forceNonUnique'],
  });
  const name = wanted.text('name');
  const pattern = wanted.doc('keyPattern');
  const seconds = wanted.value('expireAfterSeconds');
  if ((name === undefined) === (pattern === undefined))
    throw new MongoError(72, 'must specify either index name or key pattern');
  const index = collection.indexes.find(({ name: other, spec }) =>
    pattern ? equal(spec.get('key'), pattern) : other === name,
  );
  if (!index)
    throw new MongoError(27, `cannot find index ${name ?? 'with this key pattern'} for ns ${collection.namespace}`);
  if (!isNumeric(seconds)) throw new MongoError(72, 'no expireAfterSeconds field');
  if (index.key.length !== 1 || index.id === 0) throw badValue('TTL indexes are single-field indexes');
  const before = index.expireAfterSeconds;
  index.spec = new Map([...index.spec, ['expireAfterSeconds', seconds]]);
  index.expireAfterSeconds = toNumber(seconds);
  engine.catalog.save(collection);
  const old = before === undefined ? {} : { expireAfterSeconds_old: Long.fromNumber(before) };
  return answer({ ...old, expireAfterSeconds_new: Long.fromNumber(index.expireAfterSeconds) });
}

/** The collection, or MongoDB's error 26. */
export function existing(engine: Engine, namespace: string): Collection {
  const collection = engine.catalog.get(namespace);
  if (!collection) throw new MongoError(26, `ns does not exist: ${namespace}`);
  return collection;
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

const CREATE_REFUSES = [
  'capped',
  'size',
  'max',
  'timeseries',
  'viewOn',
  'pipeline',
  'validator',
  'validationLevel',
  'validationAction',
  'clusteredIndex',
  'collation',
  'expireAfterSeconds',
  'changeStreamPreAndPostImages',
  'encryptedFields',
  'indexOptionDefaults',
  'storageEngine',
  'idIndex',
];

/** Commands about the server, its collections and its databases. */
export const ADMIN_COMMANDS: Readonly<Record<string, Command>> = {
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
  listDatabases: { shape: { takes: ['filter', 'nameOnly', 'authorizedDatabases'] }, run: listDatabases },
  listCollections: {
    shape: { takes: ['filter', 'nameOnly', 'authorizedCollections', 'cursor'] },
    run: listCollections,
  },
  create: { changes: true, shape: { takes: ['autoIndexId', 'flags'], refuses: CREATE_REFUSES }, run: create },
  drop: { changes: true, shape: {}, run: drop },
  dropDatabase: { changes: true, shape: {}, run: dropDatabase },
  collMod: { changes: true, shape: { takes: ['index'], refuses: COLL_MOD_REFUSES }, run: collMod },
};
