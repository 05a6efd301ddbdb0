import { makeIndex, type Collection, type Index } from './catalog.ts';
import { existing } from './command-collections.ts';
import { namespaceOf } from './command-arguments.ts';
import { cursorAnswer } from './command-read.ts';
import { resultsOf } from './cursors.ts';
import type { Answer, Call, Command, Engine } from './engine.ts';
import { badValue, MongoError } from './errors.ts';
import { checkSpec, indexesToDrop, isThere } from './index-spec.ts';
import { readerOf } from './find.ts';
import { choosePlan } from './plan.ts';
import { scan } from './scan.ts';
import type { Task } from './scheduler.ts';
import { compileFilter } from './match.ts';
import { toDoc, typeName, type Value } from './values.ts';

const MAX_INDEXES = 64;

/** Builds indexes in slices: writers keep them from the first on, the planner uses them from the last. */
function* createIndexes(engine: Engine, { database, target, given }: Call): Task<Answer> {
  const { catalog } = engine;
  const namespace = namespaceOf(database, target);
  const specs = (given.array('indexes') ?? []).map(checkSpec);
  if (specs.length === 0) throw badValue('Must specify at least one index to create');
  yield* othersBuilding(engine, namespace);
  const found = catalog.get(namespace);
  const before = found?.indexes.length ?? 1;
  const planned: Index[] = [];
  for (const spec of specs) {
    const indexes = [
      ...(found?.indexes ?? [makeIndex(0, checkSpec(toDoc({ key: { _id: 1 }, name: '_id_' })))]),
      ...planned,
    ];
    if (!isThere(indexes, spec)) planned.push(makeIndex(-1, spec));
  }
  if (before + planned.length > MAX_INDEXES)
    throw new MongoError(67, `add index fails, too many indexes for ${namespace}`);
  const collection = catalog.ensure(namespace);
  const fresh = planned.map((index) => Object.assign(index, { id: catalog.newId(), building: true }));
  collection.indexes.push(...fresh);
  if (fresh.length > 0) catalog.save(collection);
  if (fresh.length > 0 && collection.count > 0) yield* build(engine, collection, fresh);
  for (const index of fresh) index.building = false;
  const note =
    fresh.length === 0 ? 'all indexes already exist' : fresh.length < specs.length ? 'index already exists' : undefined;
  const rest = note === undefined ? { createdCollectionAutomatically: !found } : { note };
  return { reply: toDoc({ numIndexesBefore: before, numIndexesAfter: before + fresh.length, ...rest }) };
}

// The builds that go on in this process; what else is unfinished was left by a build that failed.
const underWay = new WeakSet<Index>();

/** Waits until others have built what they were asked for: it may be the same, or may fail. */
function* othersBuilding({ catalog }: Engine, namespace: string): Task<undefined> {
  for (;;) {
    const collection = catalog.get(namespace);
    const unfinished = collection?.indexes.filter(({ building }) => building) ?? [];
    if (!collection || unfinished.length === 0) return undefined;
    if (unfinished.some((index) => underWay.has(index))) yield;
    else for (const index of unfinished) catalog.dropIndex(collection, index);
  }
}

function* build(engine: Engine, collection: Collection, fresh: Index[]): Task<undefined> {
  const { catalog, writer } = engine;
  const plan = choosePlan(collection, { condition: compileFilter(new Map<string, Value>()).condition });
  for (const index of fresh) underWay.add(index);
  try {
    for (const stored of scan(readerOf(engine, collection), plan)) {
      // Dropped while it was being built: what was written of it is gone, and nothing more is to be.
      if (!fresh.every((index) => collection.indexes.includes(index)))
        throw new MongoError(276, 'Index build aborted: the index was dropped meanwhile');
      if (!stored) yield;
      else for (const index of fresh) writer.addToIndex(collection, index, stored);
    }
    catalog.save(collection);
  } catch (error) {
    if (catalog.get(collection.namespace) === collection)
      for (const index of fresh) catalog.dropIndex(collection, index);
    throw error;
  } finally {
    for (const index of fresh) underWay.delete(index);
  }
  return undefined;
}

function* listIndexes(engine: Engine, { database, target, given }: Call): Task<Answer> {
  const collection = existing(engine, namespaceOf(database, target));
  const specs = collection.indexes.filter(({ building }) => !building).map(({ spec }) => spec);
  return yield* cursorAnswer(engine, { given, namespace: collection.namespace, results: resultsOf(specs) });
}

function dropIndexes(engine: Engine, { database, target, given }: Call): Answer {
  const wanted = given.value('index') ?? null;
  if (typeof wanted !== 'string' && !Array.isArray(wanted) && !(wanted instanceof Map)) {
    throw new MongoError(
      14,
      `BSON field 'dropIndexes.index' is the wrong type '${typeName(wanted)}', expected types '[array, string, object]'`,
    );
  }
  const collection = existing(engine, namespaceOf(database, target));
  const nIndexesWas = collection.indexes.length;
  for (const index of indexesToDrop(collection, wanted)) engine.catalog.dropIndex(collection, index);
  return {
    reply: toDoc({ nIndexesWas, ...(wanted === '*' ? { msg: 'non-_id indexes dropped for collection' } : {}) }),
  };
}

/** Commands about indexes. */
export const INDEX_COMMANDS: Readonly<Record<string, Command>> = {
  createIndexes: { changes: true, shape: { needs: ['indexes'], takes: ['commitQuorum'] }, run: createIndexes },
  listIndexes: { shape: { takes: ['cursor'] }, run: listIndexes },
  dropIndexes: { changes: true, shape: { needs: ['index'] }, run: dropIndexes },
};
