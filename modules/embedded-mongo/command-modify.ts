import { hintOf, namespaceOf, type Arguments } from './command-arguments.ts';
import { changeOne, removeOne } from './change.ts';
import type { Answer, Call, Command, Engine } from './engine.ts';
import { MongoError } from './errors.ts';
import { compileProjection, compileSort } from './pipeline.ts';
import { numberOf } from './retries.ts';
import type { Task } from './scheduler.ts';
import { compileUpdate } from './update.ts';
import { toDoc, type Doc, type Value } from './values.ts';

function* findAndModify(engine: Engine, call: Call): Task<Answer> {
  const numbered = numberOf(call);
  const known = numbered && engine.retries.find(numbered);
  if (known) return { reply: known };
  refuseContradictions(call.given);
  const changes = engine.storage.changeCount;
  const reply = yield* modify(engine, call);
  if (numbered && engine.storage.changeCount !== changes) engine.retries.record(numbered, reply);
  return { reply };
}

function refuseContradictions(given: Arguments): void {
  const failed = (why: string): MongoError => new MongoError(9, why);
  const updates = given.value('update') !== undefined;
  if (!given.flag('remove')) {
    if (!updates) throw failed('Either an update or remove=true must be specified');
    return;
  }
  if (updates) throw failed('Cannot specify both an update and remove=true');
  if (given.flag('upsert')) throw failed('Cannot specify both upsert=true and remove=true');
  if (given.flag('new'))
    throw failed("Cannot specify both new=true and remove=true; 'remove' always returns the deleted document");
}

function* modify(engine: Engine, { given, database, target }: Call): Task<Doc> {
  const namespace = namespaceOf(database, target);
  const project = compileProjection(given.doc('fields') ?? new Map<string, Value>());
  const sort = given.doc('sort');
  // A wrong sort is refused even where there is nothing to be sorted.
  if (sort) compileSort(sort);
  const wish = { filter: given.filter('query'), hint: hintOf(given), sort };
  const show = (doc: Doc | undefined): Value => (doc ? project(doc) : null);
  if (given.flag('remove')) {
    const gone = yield* removeOne(engine, namespace, wish);
    return modifyReply({ n: gone ? 1 : 0 }, show(gone));
  }
  const update = compileUpdate(given.value('update') ?? null);
  const { before, after } = yield* changeOne(engine, namespace, { ...wish, update, upsert: given.flag('upsert') });
  const upserted = !before && after ? { upserted: after.get('_id') ?? null } : {};
  const lastError = { n: after ? 1 : 0, updatedExisting: before !== undefined, ...upserted };
  return modifyReply(lastError, show(given.flag('new') ? after : before));
}

function modifyReply(lastErrorObject: Record<string, unknown>, value: Value): Doc {
  return new Map<string, Value>([
    ['lastErrorObject', toDoc(lastErrorObject)],
    ['value', value],
  ]);
}

/** Changes or deletes one document and answers it. */
export const FIND_AND_MODIFY: Command = {
  changes: true,
  shape: {
    takes: ['query', 'sort', 'remove', 'update', 'new', 'upsert', 'fields', 'hint', 'bypassDocumentValidation'],
    refuses: ['arrayFilters', 'collation', 'let'],
  },
  run: findAndModify,
};
