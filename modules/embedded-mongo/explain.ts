import { Arguments, hintOf, namespaceOf } from './command-arguments.ts';
import type { Answer, Call, Engine } from './engine.ts';
import { MongoError, unsupported } from './errors.ts';
import { compileFilter, type Filter } from './match.ts';
import { compilePipeline, compileSort, type Sort } from './pipeline.ts';
import { choosePlan, type Plan, type Step } from './plan.ts';
import { isDoc, toDoc, typeName, type Doc, type Value } from './values.ts';

interface Explained {
  filter: Filter;
  sort?: Sort | undefined;
  hint?: string | Doc | undefined;
}

/** Answers which index a command would use. */
export function explain(engine: Engine, { database, target, given }: Call): Answer {
  if (!isDoc(target))
    throw new MongoError(
      14,
      `BSON field 'explain.explain' is the wrong type '${typeName(target)}', expected type 'object'`,
    );
  if (given.text('verbosity') !== 'queryPlanner')
    throw unsupported('explain with a verbosity other than "queryPlanner"');
  const [first] = target;
  const namespace = namespaceOf(database, first?.[1]);
  const { filter, sort, hint } = explained(first?.[0] ?? '', target);
  const collection = engine.catalog.get(namespace);
  const order = sort?.keys ?? [];
  const plan = collection && choosePlan(collection, { condition: filter.condition, order, hint });
  const winningPlan = plan ? stageOf(plan, order.length > 0) : toDoc({ stage: 'EOF' });
  const queryPlanner = toDoc({ namespace, indexFilterSet: false, winningPlan, rejectedPlans: [] });
  return { reply: toDoc({ explainVersion: '1', queryPlanner, command: target }) };
}

function explained(name: string, command: Doc): Explained {
  const fields = new Arguments(command, name, { isLenient: true });
  const sort = fields.doc('sort');
  const order = sort && sort.size > 0 ? { sort: compileSort(sort) } : {};
  switch (name) {
    case 'find':
      return { filter: fields.filter('filter'), hint: hintOf(fields), ...order };
    case 'findAndModify':
    case 'count':
    case 'distinct':
      return { filter: fields.filter('query'), hint: hintOf(fields), ...order };
    case 'aggregate': {
      const { head } = compilePipeline(fields.array('pipeline') ?? []);
      return { filter: head.match ?? compileFilter(new Map<string, Value>()), sort: head.sort, hint: hintOf(fields) };
    }
    case 'update':
    case 'delete': {
      const [statement] = fields.array(`${name}s`) ?? [];
      const given = new Arguments(isDoc(statement) ? statement : new Map<string, Value>(), name, { isLenient: true });
      return { filter: given.filter('q'), hint: hintOf(given) };
    }
    default:
      throw new MongoError(59, `Explain failed due to unknown command: ${name}`);
  }
}

function stageOf(plan: Plan, isOrdered: boolean): Doc {
  const stages = plan.steps.map((step) => scanStage(step, plan.reverse));
  const [only = toDoc({ stage: 'EOF' })] = stages;
  const found =
    stages.length > 1 ? toDoc({ stage: 'FETCH', inputStage: toDoc({ stage: 'OR', inputStages: stages }) }) : only;
  return isOrdered && !plan.sorted ? toDoc({ stage: 'SORT', inputStage: found }) : found;
}

function scanStage({ index }: Step, reverse: boolean): Doc {
  const direction = reverse ? 'backward' : 'forward';
  if (!index) return toDoc({ stage: 'COLLSCAN', direction });
  const { name, spec, multikey, unique, sparse, partial } = index;
  const inputStage = {
    stage: 'IXSCAN',
    keyPattern: spec.get('key'),
    indexName: name,
    isMultiKey: multikey,
    isUnique: unique,
    isSparse: sparse,
    isPartial: partial !== undefined,
    direction,
  };
  return toDoc({ stage: 'FETCH', inputStage: toDoc(inputStage) });
}
