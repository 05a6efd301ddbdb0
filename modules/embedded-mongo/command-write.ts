import { Arguments, hintOf, namespaceOf } from './command-arguments.ts';
import type { Collection } from './catalog.ts';
import type { Answer, Call, Command, Engine } from './engine.ts';
import { MongoError } from './errors.ts';
import { compileFilter, type Filter } from './match.ts';
import { find, findEach, type Found } from './find.ts';
import { compileProjection, compileSort } from './pipeline.ts';
import { numberOf } from './retries.ts';
import type { Task } from './scheduler.ts';
import { applyUpsert, compileUpdate, type Update } from './update.ts';
import { isDoc, toDoc, toNumber, toValue, type Doc, type Value } from './values.ts';

// What the statements of one command have done: its reply in the making, and its record if it is sent again.
interface Progress {
  next: number;
  n: number;
  nModified: number;
  upserted: Value[];
  writeErrors: Value[];
}

interface Outcome {
  n: number;
  modified?: number;
  upserted?: Value;
}

type Statement = (engine: Engine, namespace: string) => Task<Outcome>;

/** Runs the statements of an insert, update or delete in order, and keeps a record of it for a driver that may send it again. */
function* runStatements(engine: Engine, call: Call, statements: Statement[]): Task<Progress> {
  if (statements.length === 0 || statements.length > 100_000) {
    throw new MongoError(16, `Write batch sizes must be between 1 and 100000. Got ${statements.length} operations.`);
  }
  const namespace = namespaceOf(call.database, call.target);
  const ordered = call.given.value('ordered') === undefined || call.given.flag('ordered');
  const numbered = numberOf(call);
  const progress = readProgress(numbered && engine.retries.find(numbered));
  let recorded = engine.storage.changeCount;
  const work = runFrom(progress);
  // Changes of other tasks do no harm here: a record too many.
  for (let step = work.next(); ; step = work.next()) {
    if (numbered && engine.storage.changeCount !== recorded) engine.retries.record(numbered, toDoc({ ...progress }));
    if (step.done) return progress;
    yield;
    recorded = engine.storage.changeCount;
  }

  function* runFrom(done: Progress): Task<undefined> {
    for (let statement = statements[done.next]; statement; statement = statements[done.next]) {
      const index = done.next;
      if (ordered && done.writeErrors.length > 0) break;
      try {
        const outcome = yield* statement(engine, namespace);
        done.n += outcome.n;
        done.nModified += outcome.modified ?? 0;
        if (outcome.upserted !== undefined) done.upserted.push(toDoc({ index, _id: outcome.upserted }));
      } catch (error) {
        // The time of the whole command is over, or the disk has failed: that is no error of one statement.
        if (!(error instanceof MongoError) || error.code === 50 || error.cause !== undefined) throw error;
        done.writeErrors.push(
          toDoc({ index, code: error.code, errmsg: error.message, ...Object.fromEntries(error.extra) }),
        );
      }
      done.next++;
    }
    return undefined;
  }
}

function readProgress(record: Doc | undefined): Progress {
  const count = (name: string): number => (record ? toNumber(record.get(name)) : 0);
  const list = (name: string): Value[] => {
    const found = record?.get(name);
    return Array.isArray(found) ? found : [];
  };
  return {
    next: count('next'),
    n: count('n'),
    nModified: count('nModified'),
    upserted: list('upserted'),
    writeErrors: list('writeErrors'),
  };
}

function replyOf({ n, nModified, upserted, writeErrors }: Progress, isUpdate: boolean): Answer {
  const reply = toDoc({ n, ...(isUpdate ? { nModified } : {}) });
  if (upserted.length > 0) reply.set('upserted', upserted);
  if (writeErrors.length > 0) reply.set('writeErrors', writeErrors);
  return { reply };
}

function* insert(engine: Engine, call: Call): Task<Answer> {
  const statements = documentsOf(call, 'documents').map((doc): Statement => {
    // Without a pause, so that a batch is in the file as a whole or not at all.
    return function* insertOne(_engine, namespace) {
      engine.writer.insert(engine.catalog.ensure(namespace), doc);
      return { n: 1 };
    };
  });
  return replyOf(yield* runStatements(engine, call, statements), false);
}

function documentsOf({ given, name }: Call, field: string): Doc[] {
  return (given.array(field) ?? []).map((value, i) => {
    if (isDoc(value)) return value;
    throw new MongoError(14, `BSON field '${name}.${field}.${i}' is the wrong type, expected type 'object'`);
  });
}

const UPDATE_SHAPE = {
  needs: ['q', 'u'],
  takes: ['multi', 'upsert', 'hint', 'upsertSupplied', 'sampleId'],
  refuses: ['arrayFilters', 'collation', 'c', 'sort'],
};

function* update(engine: Engine, call: Call): Task<Answer> {
  const statements = documentsOf(call, 'updates').map((fields) => updateStatement(call, fields));
  return replyOf(yield* runStatements(engine, call, statements), true);
}

function updateStatement(call: Call, fields: Doc): Statement {
  const given = new Arguments(fields, 'update.updates', UPDATE_SHAPE);
  const query = given.doc('q') ?? new Map<string, Value>();
  const multi = given.flag('multi');
  const upsert = given.flag('upsert');
  const hint = hintOf(given);
  if (multi) refuseNumbered(call);
  return function* updateOne(engine, namespace) {
    const filter = compileFilter(query);
    const compiled = compileUpdate(given.value('u') ?? null, { multi });
    const change = { filter, hint, update: compiled, upsert };
    if (!multi) return outcomeOf(yield* changeOne(engine, namespace, change));
    const done = yield* changeEach(engine, namespace, change);
    if (done.n > 0 || !upsert) return done;
    return outcomeOf(yield* changeOne(engine, namespace, change));
  };
}

function refuseNumbered({ command }: Call): void {
  if (command.has('txnNumber')) throw new MongoError(72, 'Cannot use retryable writes with multi=true or limit=0');
}

interface OneChange {
  filter: Filter;
  update: Update;
  upsert: boolean;
  hint?: string | Doc | undefined;
  sort?: Doc | undefined;
}

interface Changed {
  before?: Doc;
  after?: Doc;
  modified?: boolean;
  position?: number | undefined;
}

function outcomeOf({ before, after, modified }: Changed): Outcome {
  if (before) return { n: 1, modified: modified ? 1 : 0 };
  return after ? { n: 1, upserted: after.get('_id') ?? null } : { n: 0 };
}

const MOST_ATTEMPTS = 3;

/** Changes the first match, or inserts what an upsert asks for. Nobody else comes between finding and changing. */
function* changeOne(engine: Engine, namespace: string, change: OneChange): Task<Changed> {
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
  { filter, update: compiled }: OneChange,
): Changed {
  const position = compiled.isPositional ? filter.position(doc) : undefined;
  const { doc: after, modified } = compiled.apply(doc, { now: new Date(), position });
  engine.writer.replace(collection, stored, after);
  return { before: doc, after, modified };
}

function* changeEach(engine: Engine, namespace: string, change: OneChange): Task<Outcome> {
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

function* remove(engine: Engine, call: Call): Task<Answer> {
  const statements = documentsOf(call, 'deletes').map((fields): Statement => {
    const given = new Arguments(fields, 'delete.deletes', {
      needs: ['q', 'limit'],
      takes: ['hint', 'sampleId'],
      refuses: ['collation'],
    });
    const query = given.doc('q') ?? new Map<string, Value>();
    const limit = toNumber(given.value('limit') ?? null);
    if (limit !== 0 && limit !== 1) {
      throw new MongoError(9, `The limit field in delete objects must be 0 or 1. Got ${String(limit)}`);
    }
    if (limit === 0) refuseNumbered(call);
    const hint = hintOf(given);
    return (at, namespace) =>
      removeMatches(at, namespace, { filter: compileFilter(query), hint, limit: limit || Infinity });
  });
  return replyOf(yield* runStatements(engine, call, statements), false);
}

/** Deletes up to `limit` matches. */
export function* removeMatches(
  engine: Engine,
  namespace: string,
  wish: { filter: Filter; hint?: string | Doc | undefined; limit: number },
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

function* findAndModify(engine: Engine, call: Call): Task<Answer> {
  const { given } = call;
  const namespace = namespaceOf(call.database, call.target);
  const numbered = numberOf(call);
  const known = numbered && engine.retries.find(numbered);
  if (known) return { reply: known };
  const removes = given.flag('remove');
  const replacement = given.value('update');
  const wantsNew = given.flag('new');
  const upsert = given.flag('upsert');
  const failed = (why: string): MongoError => new MongoError(9, why);
  if (!removes && replacement === undefined) throw failed('Either an update or remove=true must be specified');
  if (removes && replacement !== undefined) throw failed('Cannot specify both an update and remove=true');
  if (removes && upsert) throw failed('Cannot specify both upsert=true and remove=true');
  if (removes && wantsNew)
    throw failed("Cannot specify both new=true and remove=true; 'remove' always returns the deleted document");
  const filter = compileFilter(given.doc('query') ?? new Map());
  const project = compileProjection(given.doc('fields') ?? new Map());
  const wish = { filter, hint: hintOf(given), sort: given.doc('sort') };
  if (wish.sort) compileSort(wish.sort);
  const changes = engine.storage.changeCount;
  const show = (doc: Doc | undefined): Value => (doc ? project(doc) : null);
  let reply: Doc;
  if (removes) {
    const gone = yield* removeOne(engine, namespace, wish);
    reply = modifyReply(toDoc({ n: gone ? 1 : 0 }), show(gone));
  } else {
    const update_ = compileUpdate(replacement ?? null);
    const changed = yield* changeOne(engine, namespace, { ...wish, update: update_, upsert });
    const upserted = !changed.before && changed.after ? { upserted: changed.after.get('_id') ?? null } : {};
    const n = changed.after ? 1 : 0;
    reply = modifyReply(
      toDoc({ n, updatedExisting: changed.before !== undefined, ...upserted }),
      show(wantsNew ? changed.after : changed.before),
    );
  }
  if (numbered && engine.storage.changeCount !== changes) engine.retries.record(numbered, reply);
  return { reply };
}

function modifyReply(lastErrorObject: Doc, value: Value): Doc {
  return new Map<string, Value>([
    ['lastErrorObject', lastErrorObject],
    ['value', toValue(value)],
  ]);
}

function* removeOne(
  engine: Engine,
  namespace: string,
  wish: { filter: Filter; hint: string | Doc | undefined; sort: Doc | undefined },
): Task<Doc | undefined> {
  const collection = engine.catalog.get(namespace);
  const found = collection && (yield* find(engine, collection, wish));
  if (collection && found) engine.writer.remove(collection, found.stored);
  return found?.doc;
}

const FIND_AND_MODIFY: Command = {
  changes: true,
  shape: {
    takes: ['query', 'sort', 'remove', 'update', 'new', 'upsert', 'fields', 'hint', 'bypassDocumentValidation'],
    refuses: ['arrayFilters', 'collation', 'let'],
  },
  run: findAndModify,
};

/** Commands that change documents. */
export const WRITE_COMMANDS: Readonly<Record<string, Command>> = {
  insert: {
    changes: true,
    shape: { needs: ['documents'], takes: ['ordered', 'bypassDocumentValidation'] },
    run: insert,
  },
  update: {
    changes: true,
    shape: { needs: ['updates'], takes: ['ordered', 'bypassDocumentValidation'], refuses: ['let'] },
    run: update,
  },
  delete: { changes: true, shape: { needs: ['deletes'], takes: ['ordered'], refuses: ['let'] }, run: remove },
  findAndModify: FIND_AND_MODIFY,
  findandmodify: FIND_AND_MODIFY,
};
