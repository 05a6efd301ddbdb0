import { Arguments, hintOf, namespaceOf } from './command-arguments.ts';
import { changeEach, changeOne, removeMatches, type Changed } from './change.ts';
import type { Answer, Call, Command, Engine } from './engine.ts';
import { badValue, MongoError } from './errors.ts';
import { compileFilter } from './match.ts';
import { numberOf } from './retries.ts';
import type { Task } from './scheduler.ts';
import { compileUpdate } from './update.ts';
import { isDoc, toDoc, toNumber, type Doc, type Value } from './values.ts';

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
  if (record && !record.has('next')) throw badValue('this txnNumber belongs to another command');
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

function outcomeOf({ before, after, modified }: Changed): Outcome {
  if (before) return { n: 1, modified: modified ? 1 : 0 };
  return after ? { n: 1, upserted: after.get('_id') ?? null } : { n: 0 };
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
      removeMatches(at, namespace, { filter: compileFilter(query), hint, limit: limit === 0 ? Infinity : limit });
  });
  return replyOf(yield* runStatements(engine, call, statements), false);
}

/** Commands that change documents by statements. */
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
};
