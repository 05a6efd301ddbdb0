import { Long } from 'bson';

import type { Collection } from './catalog.ts';
import { Arguments, namespaceOf } from './command-arguments.ts';
import { cursorAnswer } from './command-read.ts';
import { resultsOf } from './cursors.ts';
import type { Answer, Call, Command, Engine } from './engine.ts';
import { badValue, MongoError } from './errors.ts';
import { isSeconds } from './index-spec.ts';
import { equal, isNumeric, toDoc, toNumber } from './values.ts';

const answer = (fields: Record<string, unknown>): Answer => ({ reply: toDoc(fields) });

function listDatabases(engine: Engine, { given, database }: Call): Answer {
  if (database !== 'admin') throw new MongoError(13, 'listDatabases may only be run against the admin database.');
  const nameOnly = given.flag('nameOnly');
  const documents = new Map<string, number>();
  for (const { namespace, count } of engine.catalog.list()) {
    const name = namespace.slice(0, namespace.indexOf('.'));
    documents.set(name, (documents.get(name) ?? 0) + count);
  }
  const filter = given.filter('filter');
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
  const filter = given.filter('filter');
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
    results: resultsOf(documents),
  });
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
  if (seconds === undefined || !isNumeric(seconds)) throw new MongoError(72, 'no expireAfterSeconds field');
  if (!isSeconds(seconds))
    throw new MongoError(72, 'expireAfterSeconds must be a number of seconds that is not negative');
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

/** Commands about collections and databases. */
export const COLLECTION_COMMANDS: Readonly<Record<string, Command>> = {
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
