import type { Collection } from './catalog.ts';
import type { Engine } from './engine.ts';
import { MongoError } from './errors.ts';
import { find, findEach, type Found, type Query } from './find.ts';
import type { Task } from './scheduler.ts';
import { applyUpsert, type Update } from './update.ts';
import type { Doc } from './values.ts';

/** What is to be changed, and how. */
export interface Change extends Query {
  update: Update;
  upsert: boolean;
  sort?: Doc | undefined;
}

/** A document before and after its change; only after, when it was inserted; neither, when nothing matched. */
export interface Changed {
  before?: Doc;
  after?: Doc;
  modified?: boolean;
}

const MOST_ATTEMPTS = 3;

/** Changes the first match, or inserts what an upsert asks for. Nobody else comes between finding and changing. */
export function* changeOne(engine: Engine, namespace: string, change: Change): Task<Changed> {
  for (let attempt = 1; ; attempt++) {
    const { turn } = engine.scheduler.slice;
    const collection = engine.catalog.get(namespace);
    const found = collection && (yield* find(engine, collection, change));
    if (collection && found) return apply(engine, collection, found, change);
    if (!change.upsert) return {};
    const now = new Date();
    const after = applyUpsert(change.filter, change.update, now);
    try {
      engine.writer.insert(engine.catalog.ensure(namespace), after);
      return { after };
    } catch (error) {
      // While this one searched, in slices, somebody else may have inserted the very document: then it is to be changed.
      const mayBeThere = error instanceof MongoError && error.code === 11000 && turn !== engine.scheduler.slice.turn;
      if (!mayBeThere || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

function apply(
  engine: Engine,
  collection: Collection,
  { stored, doc }: Found,
  { filter, update: compiled }: Change,
): Changed {
  const position = compiled.isPositional ? filter.position(doc) : undefined;
  const { doc: after, modified } = compiled.apply(doc, { now: new Date(), position });
  engine.writer.replace(collection, stored, after);
  return { before: doc, after, modified };
}

/** Changes all matches. */
export function* changeEach(engine: Engine, namespace: string, change: Change): Task<{ n: number; modified: number }> {
  const collection = engine.catalog.get(namespace);
  const done = { n: 0, modified: 0 };
  if (!collection) return done;
  // A changed document may come again further on in the index: each is changed once.
  for (const found of findEach(engine, collection, change, true)) {
    if (!found) yield;
    else {
      done.n++;
      if (apply(engine, collection, found, change).modified) done.modified++;
    }
  }
  return done;
}

/** Deletes up to `limit` matches. */
export function* removeMatches(
  engine: Engine,
  namespace: string,
  wish: Query & { limit: number },
): Task<{ n: number }> {
  const collection = engine.catalog.get(namespace);
  let n = 0;
  if (!collection) return { n };
  for (const found of findEach(engine, collection, wish)) {
    if (!found) yield;
    else {
      engine.writer.remove(collection, found.stored);
      if (++n >= wish.limit) break;
    }
  }
  return { n };
}

/** Deletes the first match and answers it. */
export function* removeOne(
  engine: Engine,
  namespace: string,
  wish: Query & { sort?: Doc | undefined },
): Task<Doc | undefined> {
  const collection = engine.catalog.get(namespace);
  const found = collection && (yield* find(engine, collection, wish));
  if (collection && found) engine.writer.remove(collection, found.stored);
  return found?.doc;
}
