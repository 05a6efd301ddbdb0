import { Long } from 'bson';

import { Arguments, hintOf, namespaceOf } from './command-arguments.ts';
import { takeBatch, type Cursor, type Results } from './cursors.ts';
import type { Answer, Call, Command, Engine } from './engine.ts';
import { MongoError, unsupported } from './errors.ts';
import { explain } from './explain.ts';
import { findEach, select, selectBytes, whenDue } from './find.ts';
import { compileFilter } from './match.ts';
import { compilePipeline, compileProjection, compileSort, distinctValues } from './pipeline.ts';
import type { Task } from './scheduler.ts';
import { encode, indexKey, leafValues, toDoc, typeName, type Doc, type Value } from './values.ts';

const FIRST_BATCH = 101;
const MAX_REPLY_BYTES = 16 * 1024 * 1024;

/** What a cursor is opened with. */
export interface CursorWish {
  given: Arguments;
  namespace: string;
  results: Results;
  limit?: number | undefined;
  size?: number | undefined;
  isSingle?: boolean;
  isPatient?: boolean;
}

/** Opens a cursor and answers with its first batch. */
export function* cursorAnswer(engine: Engine, wish: CursorWish): Task<Answer> {
  const cursor = engine.cursors.create(wish.namespace, wish.results, wish.limit);
  const size = wish.size ?? batchSizeOf(wish.given) ?? FIRST_BATCH;
  const documents = yield* takeBatch(cursor, size);
  if (!cursor.isDone && wish.isSingle !== true) engine.cursors.keep(cursor, wish.isPatient);
  return batchAnswer(cursor, 'firstBatch', documents, wish.isSingle === true);
}

function batchSizeOf(given: Arguments): number | undefined {
  const options = given.doc('cursor');
  return options && new Arguments(options, 'cursor', { takes: ['batchSize'] }).count('batchSize');
}

function batchAnswer(cursor: Cursor, name: 'firstBatch' | 'nextBatch', documents: Buffer[], isSingle = false): Answer {
  const id = cursor.isDone || isSingle ? Long.ZERO : Long.fromBigInt(cursor.id);
  return { reply: toDoc({ cursor: toDoc({ id, ns: cursor.namespace }) }), batch: { name, documents } };
}

function* findDocuments(engine: Engine, { database, target, given }: Call): Task<Answer> {
  const namespace = namespaceOf(database, target);
  const filter = given.filter('filter');
  const sort = given.doc('sort');
  const projection = given.doc('projection');
  const limit = given.count('limit') ?? 0;
  const selection = {
    filter,
    hint: hintOf(given),
    sort: sort && sort.size > 0 ? compileSort(sort) : undefined,
    skip: given.count('skip'),
    limit: limit === 0 ? undefined : limit,
  };
  const project = projection && projection.size > 0 ? compileProjection(projection) : undefined;
  const wish = {
    size: given.count('batchSize'),
    isSingle: given.flag('singleBatch'),
    isPatient: given.flag('noCursorTimeout'),
  };
  const results = selectBytes(engine, namespace, selection, project);
  return yield* cursorAnswer(engine, { given, namespace, results, limit, ...wish, size: wish.size ?? FIRST_BATCH });
}

function* getMore(engine: Engine, { database, target, given }: Call): Task<Answer> {
  if (!(target instanceof Long)) {
    throw new MongoError(
      14,
      `BSON field 'getMore.getMore' is the wrong type '${typeName(target)}', expected type 'long'`,
    );
  }
  const size = given.count('batchSize');
  const cursor = engine.cursors.get(target.toBigInt(), `${database}.${given.text('collection') ?? ''}`);
  try {
    const documents = yield* takeBatch(cursor, size === undefined || size === 0 ? Infinity : size);
    if (cursor.isDone) engine.cursors.close(cursor.id);
    return batchAnswer(cursor, 'nextBatch', documents);
  } catch (error) {
    engine.cursors.close(cursor.id);
    throw error;
  }
}

function killCursors(engine: Engine, { given }: Call): Answer {
  const ids = given.array('cursors') ?? [];
  const killed = ids.filter((id) => id instanceof Long && engine.cursors.close(id.toBigInt()));
  const unknown = ids.filter((id) => !killed.includes(id));
  return { reply: toDoc({ cursorsKilled: killed, cursorsNotFound: unknown, cursorsAlive: [], cursorsUnknown: [] }) };
}

function* aggregate(engine: Engine, { database, target, given }: Call): Task<Answer> {
  const stages = given.array('pipeline') ?? [];
  if (given.flag('explain')) throw unsupported('"explain" in aggregate (the command explain does it)');
  if (!given.doc('cursor'))
    throw new MongoError(9, "The 'cursor' option is required, except for aggregate with the explain argument");
  const pipeline = compilePipeline(stages);
  if (typeof target !== 'string') throw unsupported('An aggregation over no collection');
  const namespace = namespaceOf(database, target);
  const { match = compileFilter(new Map<string, Value>()), sort, skip, limit } = pipeline.head;
  const source = select(engine, namespace, { filter: match, hint: hintOf(given), sort, skip, limit });
  return yield* cursorAnswer(engine, {
    given,
    namespace,
    results: encodeSteps(whenDue(engine, pipeline.rest(source))),
  });
}

function* encodeSteps(steps: Iterable<Doc | undefined>): Results {
  for (const step of steps) yield step && encode(step);
  return undefined;
}

function* count(engine: Engine, { database, target, given }: Call): Task<Answer> {
  const collection = engine.catalog.get(namespaceOf(database, target));
  const query = given.doc('query') ?? new Map<string, Value>();
  const filter = compileFilter(query);
  const skip = given.count('skip') ?? 0;
  const limit = given.count('limit') ?? 0;
  const hint = hintOf(given);
  let n = 0;
  if (collection && query.size === 0 && hint === undefined) n = collection.count;
  else if (collection)
    for (const found of findEach(engine, collection, { filter, hint })) {
      if (found) n++;
      else yield;
    }
  const rest = Math.max(0, n - skip);
  return { reply: toDoc({ n: limit === 0 ? rest : Math.min(rest, limit) }) };
}

function* distinct(engine: Engine, { database, target, given }: Call): Task<Answer> {
  const collection = engine.catalog.get(namespaceOf(database, target));
  const path = given.text('key') ?? '';
  const query = given.doc('query') ?? new Map<string, Value>();
  const filter = compileFilter(query);
  const hint = hintOf(given);
  const values = new DistinctValues();
  const isIndexed = collection?.indexes.some(
    ({ key, sparse, partial }) => key[0]?.path === path && !sparse && !partial,
  );
  let hasGap = false;
  let hasArray = false;
  for (const found of collection ? findEach(engine, collection, { filter, hint }) : []) {
    if (!found) {
      yield;
      continue;
    }
    for (const value of distinctValues(found.doc, path)) values.add(value);
    const { present, multikey } = leafValues(found.doc, path);
    hasGap ||= !present;
    hasArray ||= multikey;
  }
  // Without a query MongoDB reads the values off the index, where what is missing is null.
  if (isIndexed && query.size === 0 && hasGap && !hasArray) values.add(null);
  return { reply: toDoc({ values: values.all }) };
}

class DistinctValues {
  private readonly values = new Map<string, Value>();
  private bytes = 0;

  add(value: Value): void {
    const key = indexKey(value, { cut: MAX_REPLY_BYTES }).toString('latin1');
    if (this.values.has(key)) return;
    this.values.set(key, value);
    this.bytes += key.length;
    if (this.bytes > MAX_REPLY_BYTES) throw new MongoError(17217, 'distinct too big, 16mb cap');
  }

  get all(): Value[] {
    return [...this.values.values()];
  }
}

const FIND_REFUSES = [
  'let',
  'collation',
  'min',
  'max',
  'returnKey',
  'showRecordId',
  'tailable',
  'awaitData',
  'oplogReplay',
  'term',
  'readOnce',
  'requestResumeToken',
  'resumeAfter',
  'startAt',
];
const FIND_TAKES = [
  'filter',
  'sort',
  'projection',
  'hint',
  'skip',
  'limit',
  'batchSize',
  'singleBatch',
  'allowDiskUse',
  'noCursorTimeout',
  'allowPartialResults',
];

/** Commands that read documents. */
export const READ_COMMANDS: Readonly<Record<string, Command>> = {
  find: { shape: { takes: FIND_TAKES, refuses: FIND_REFUSES }, run: findDocuments },
  getMore: { shape: { needs: ['collection'], takes: ['batchSize', 'term', 'lastKnownCommittedOpTime'] }, run: getMore },
  killCursors: { shape: { needs: ['cursors'] }, run: killCursors },
  aggregate: {
    shape: {
      needs: ['pipeline'],
      takes: ['cursor', 'hint', 'explain', 'allowDiskUse', 'bypassDocumentValidation'],
      refuses: ['let', 'collation'],
    },
    run: aggregate,
  },
  count: { shape: { takes: ['query', 'limit', 'skip', 'hint', 'fields'], refuses: ['collation'] }, run: count },
  distinct: { shape: { needs: ['key'], takes: ['query', 'hint'], refuses: ['collation'] }, run: distinct },
  explain: { shape: { takes: ['verbosity'] }, run: explain },
};
