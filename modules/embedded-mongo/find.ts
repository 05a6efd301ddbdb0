import type { Collection } from './catalog.ts';
import type { Results } from './cursors.ts';
import type { Engine } from './engine.ts';
import type { Filter } from './match.ts';
import { compileSort, sortSteps, type Projection, type Sort, type Step } from './pipeline.ts';
import { choosePlan } from './plan.ts';
import { scan, type Reader } from './scan.ts';
import type { Task } from './scheduler.ts';
import { decode, encode, type Doc } from './values.ts';
import type { Stored } from './writer.ts';

/** A document that matched, as stored and decoded. */
export interface Found {
  stored: Stored;
  doc: Doc;
}

/** What is looked for. */
export interface Query {
  filter: Filter;
  hint?: string | Doc | undefined;
}

/** All matches in no particular order, and `undefined` where the task should pause; a match is as it is until the next step. */
export function* findEach(
  engine: Engine,
  collection: Collection,
  query: Query,
  noRepeats?: boolean,
): Generator<Found | undefined, undefined> {
  const plan = choosePlan(collection, { condition: query.filter.condition, hint: query.hint });
  yield* matches(readerOf(engine, collection), plan, query.filter, noRepeats);
}

/** The first match in the order of `sort`, still in the file as it is handed out. */
export function* find(
  engine: Engine,
  collection: Collection,
  { filter, hint, sort }: Query & { sort?: Doc | undefined },
): Task<Found | undefined> {
  const order = sort && sort.size > 0 ? compileSort(sort) : undefined;
  const plan = choosePlan(collection, { condition: filter.condition, hint, ...(order ? { order: order.keys } : {}) });
  for (;;) {
    const steps = matches(readerOf(engine, collection), plan, filter);
    const found = order && !plan.sorted ? yield* leastOf(steps, order) : yield* firstOf(steps);
    // The least of a long search may have been changed since it was passed: then the search begins again.
    if (!found || engine.storage.get('docs', found.stored.key)?.equals(found.stored.bytes)) return found;
  }
}

function* firstOf(steps: Iterable<Found | undefined>): Task<Found | undefined> {
  for (const found of steps) {
    if (found) return found;
    yield;
  }
  return undefined;
}

function* leastOf(steps: Iterable<Found | undefined>, sort: Sort): Task<Found | undefined> {
  let least: { found: Found; key: ReturnType<Sort['keyOf']> } | undefined;
  for (const found of steps) {
    if (!found) {
      yield;
      continue;
    }
    const key = sort.keyOf(found.doc);
    if (!least || sort.compareKeys(key, least.key) < 0) least = { found, key };
  }
  return least?.found;
}

/** What a query answers with. */
export interface Selection extends Query {
  sort?: Sort | undefined;
  skip?: number | undefined;
  limit?: number | undefined;
}

/** The selected documents as steps: `undefined` where the task should pause. */
export function* select(engine: Engine, namespace: string, selection: Selection): Generator<Step> {
  for (const found of selectFound(engine, namespace, selection)) yield found instanceof Map ? found : found?.doc;
}

/** The selected documents in BSON; what is not projected is handed out as it is stored. */
export function* selectBytes(engine: Engine, namespace: string, selection: Selection, project?: Projection): Results {
  for (const found of selectFound(engine, namespace, selection)) {
    if (!found) yield undefined;
    else if (project) yield encode(project(found instanceof Map ? found : found.doc));
    else yield found instanceof Map ? encode(found) : found.stored.bytes;
  }
  return undefined;
}

function* selectFound(
  engine: Engine,
  namespace: string,
  selection: Selection,
): Generator<Found | Doc | undefined, undefined> {
  const { filter, hint, sort, limit = Infinity } = selection;
  const collection = engine.catalog.get(namespace);
  if (!collection) return;
  const plan = choosePlan(collection, { condition: filter.condition, hint, ...(sort ? { order: sort.keys } : {}) });
  const steps = matches(readerOf(engine, collection), plan, filter);
  let skip = selection.skip ?? 0;
  let left = limit;
  const chosen = sort && !plan.sorted ? whenDue(engine, sortSteps(documents(steps), sort, skip + limit)) : steps;
  for (const found of chosen) {
    if (!found) yield undefined;
    else if (skip > 0) skip--;
    else {
      yield found;
      if (--left <= 0) return;
    }
  }
}

function* matches(
  reader: Reader,
  plan: Parameters<typeof scan>[1],
  filter: Filter,
  noRepeats?: boolean,
): Generator<Found | undefined, undefined> {
  for (const stored of scan(reader, plan, noRepeats)) {
    if (!stored) yield undefined;
    else {
      const doc = decode(stored.bytes);
      if (filter.matches(doc)) yield { stored, doc };
    }
  }
}

function* documents(steps: Iterable<Found | undefined>): Generator<Step> {
  for (const found of steps) yield found?.doc;
}

/** Stages offer a pause after every step: taken is only the one at the end of a slice. */
export function* whenDue(engine: Engine, steps: Iterable<Step>): Generator<Doc | undefined, undefined> {
  const { slice } = engine.scheduler;
  for (const step of steps) if (step || slice.isOver) yield step;
  return undefined;
}

/** Reads a collection for as long as it is there. */
export function readerOf({ storage, scheduler, catalog }: Engine, collection: Collection): Reader {
  return {
    storage,
    slice: scheduler.slice,
    assertCurrent: (index) => {
      catalog.assertCurrent(collection, index);
    },
  };
}
