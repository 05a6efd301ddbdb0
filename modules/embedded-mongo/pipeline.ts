import { isDoc, toInteger, toNumber, toValue, typeName, type Doc, type Value } from './bson-types.ts';
import { MongoError, unsupported } from './errors.ts';
import { compileGroup } from './group.ts';
import { compileFilter, type Filter } from './match.ts';
import { compileProjection } from './projection.ts';
import { compileSort, sortSteps, type Sort, type Step } from './sort.ts';
import { compileUnwind } from './unwind.ts';

export { compileProjection, type Projection } from './projection.ts';
export { compileSort, sortSteps, type Sort, type Step } from './sort.ts';

/** A compiled pipeline: what it begins with, for the planner, and the rest. */
interface Pipeline {
  readonly head: PipelineHead;
  /** Runs what follows the head, one short step at a time. */
  readonly rest: (source: Iterable<Step>) => Iterable<Step>;
}

/** The stages that a find could have done: `$match`, `$sort`, `$skip`, `$limit`, in this order and each at most once. */
interface PipelineHead {
  match?: Filter;
  sort?: Sort;
  skip: number;
  limit?: number;
}

type Stage =
  | { kind: 'match'; filter: Filter }
  | { kind: 'sort'; sort: Sort }
  | { kind: 'skip'; count: number }
  | { kind: 'limit'; count: number }
  | { kind: 'steps'; run: (source: Iterable<Step>) => Iterable<Step> };

/** Compiles all stages, so that a wrong one is refused before the first document is read. */
export function compilePipeline(stages: readonly Value[]): Pipeline {
  const compiled = stages.map(compileStage);
  const head = takeHead(compiled);
  return { head, rest: (source) => runStages(compiled, source) };
}

/** Drops the first so many documents. */
export function* skipSteps(source: Iterable<Step>, count: number): Generator<Step> {
  let left = count;
  for (const doc of source) yield doc === undefined || left-- > 0 ? undefined : doc;
}

/** Ends after so many documents. */
export function* limitSteps(source: Iterable<Step>, count: number): Generator<Step> {
  let left = count;
  if (left <= 0) return;
  for (const doc of source) {
    yield doc;
    if (doc !== undefined && --left === 0) return;
  }
}

function* matchSteps(source: Iterable<Step>, filter: Filter): Generator<Step> {
  for (const doc of source) yield doc !== undefined && filter.matches(doc) ? doc : undefined;
}

function* projectSteps(source: Iterable<Step>, project: (doc: Doc) => Doc): Generator<Step> {
  for (const doc of source) yield doc === undefined ? undefined : project(doc);
}

function* countSteps(source: Iterable<Step>, name: string): Generator<Step> {
  let count = 0;
  for (const doc of source) {
    if (doc !== undefined) count++;
    yield undefined;
  }
  if (count > 0) yield new Map([[name, toValue(count)]]);
}

function takeHead(stages: Stage[]): PipelineHead {
  const head: PipelineHead = { skip: 0 };
  if (stages[0]?.kind === 'match') {
    head.match = stages[0].filter;
    stages.shift();
  }
  if (stages[0]?.kind === 'sort') {
    head.sort = stages[0].sort;
    stages.shift();
  }
  if (stages[0]?.kind === 'skip') {
    head.skip = stages[0].count;
    stages.shift();
  }
  if (stages[0]?.kind === 'limit') {
    head.limit = stages[0].count;
    stages.shift();
  }
  return head;
}

function runStages(stages: readonly Stage[], source: Iterable<Step>): Iterable<Step> {
  let steps = source;
  for (const [i, stage] of stages.entries()) {
    if (stage.kind === 'match') steps = matchSteps(steps, stage.filter);
    else if (stage.kind === 'sort') steps = sortSteps(steps, stage.sort, keptAfter(stages.slice(i + 1)));
    else if (stage.kind === 'skip') steps = skipSteps(steps, stage.count);
    else if (stage.kind === 'limit') steps = limitSteps(steps, stage.count);
    else steps = stage.run(steps);
  }
  return steps;
}

/** How many documents of a sort the `$skip` and `$limit` after it can use. */
function keptAfter(stages: readonly Stage[]): number {
  let skipped = 0;
  for (const stage of stages) {
    if (stage.kind === 'limit') return skipped + stage.count;
    if (stage.kind !== 'skip') return Infinity;
    skipped += stage.count;
  }
  return Infinity;
}

const OUTSIDE_STAGES = new Set(
  `addFields bucket bucketAuto changeStream changeStreamSplitLargeEvent collStats currentOp densify documents facet fill geoNear
  graphLookup indexStats listClusterCatalog listLocalSessions listMqlEntities listSampledQueries listSearchIndexes listSessions lookup
  merge out planCacheStats querySettings queryStats rankFusion redact replaceRoot replaceWith sample score scoreFusion search searchMeta
  set setVariableFromSubPipeline setWindowFields shardedDataDistribution sortByCount unionWith unset vectorSearch`
    .split(/\s+/)
    .map((name) => `$${name}`),
);

function compileStage(stage: Value): Stage {
  if (!isDoc(stage)) throw new MongoError(14, 'Each element of the pipeline array must be an object');
  const [only] = stage;
  if (stage.size !== 1 || only === undefined) {
    throw new MongoError(40323, 'A pipeline stage specification object must contain exactly one field.');
  }
  const [name, argument] = only;
  switch (name) {
    case '$match':
      if (!isDoc(argument)) throw new MongoError(15959, 'the match filter must be an expression in an object');
      return { kind: 'match', filter: compileFilter(argument) };
    case '$sort':
      return { kind: 'sort', sort: compileSort(sortSpec(argument)) };
    case '$skip':
      return { kind: 'skip', count: skipCount(argument) };
    case '$limit':
      return { kind: 'limit', count: limitCount(argument) };
    case '$group':
      return { kind: 'steps', run: compileGroup(argument) };
    case '$unwind':
      return { kind: 'steps', run: compileUnwind(argument) };
    case '$count': {
      const field = countField(argument);
      return { kind: 'steps', run: (source) => countSteps(source, field) };
    }
    case '$project': {
      const project = compileProjection(projectSpec(argument));
      return { kind: 'steps', run: (source) => projectSteps(source, project) };
    }
    default:
      if (OUTSIDE_STAGES.has(name)) throw unsupported(name);
      throw new MongoError(40324, `Unrecognized pipeline stage name: '${name}'`);
  }
}

function sortSpec(argument: Value): Doc {
  if (!isDoc(argument)) throw new MongoError(15973, 'the $sort key specification must be an object');
  if (argument.size === 0) throw new MongoError(15976, '$sort stage must have at least one sort key');
  return argument;
}

function projectSpec(argument: Value): Doc {
  if (!isDoc(argument)) throw new MongoError(15969, '$project specification must be an object');
  if (argument.size === 0)
    throw new MongoError(51272, 'Invalid $project :: projection specification must have at least one field');
  return argument;
}

function skipCount(argument: Value): number {
  const count = toInteger(argument);
  if (count === undefined || count < 0) {
    throw new MongoError(5107200, `invalid argument to $skip stage: ${typeName(argument)} ${toNumber(argument)}`);
  }
  return count;
}

function limitCount(argument: Value): number {
  const count = toInteger(argument);
  if (count === undefined || count < 0) {
    throw new MongoError(5107201, `invalid argument to $limit stage: ${typeName(argument)} ${toNumber(argument)}`);
  }
  if (count === 0) throw new MongoError(15958, 'the limit must be positive');
  return count;
}

function countField(argument: Value): string {
  if (typeof argument !== 'string' || argument === '') {
    throw new MongoError(40156, 'the count field must be a non-empty string');
  }
  if (argument.startsWith('$')) throw new MongoError(40158, 'the count field cannot be a $-prefixed path');
  if (argument.includes('\0')) throw new MongoError(40159, 'the count field cannot contain a null byte');
  if (argument.includes('.')) throw new MongoError(40160, "the count field cannot contain '.'");
  return argument;
}

/** The values that distinct sees at a path: those of arrays one by one. */
export function distinctValues(doc: Doc, path: string): Value[] {
  const whole = doc.get(path);
  const dot = path.indexOf('.');
  if (whole !== undefined || dot < 0) return whole === undefined ? [] : Array.isArray(whole) ? whole : [whole];
  const value = doc.get(path.slice(0, dot));
  const rest = path.slice(dot + 1);
  if (isDoc(value)) return distinctValues(value, rest);
  if (!Array.isArray(value)) return [];
  if (/^\d+(?:\.|$)/.test(rest)) return distinctValues(asDoc(value), rest);
  return value.flatMap((item) => {
    if (isDoc(item)) return distinctValues(item, rest);
    return Array.isArray(item) ? distinctValues(asDoc(item), rest) : [];
  });
}

/** An array as the document that it is in BSON: its fields are named by their indexes. */
function asDoc(array: Value[]): Doc {
  return new Map(array.map((item, i) => [String(i), item]));
}
