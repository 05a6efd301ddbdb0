import { Double, Int32, Long } from 'bson';
import { isDoc, isSummand, toNumber, type Doc, type Numeric, type Value } from './bson-types.ts';
import { MongoError, unsupported } from './errors.ts';
import { compileExpression, isOutsideExpression, type Expression } from './expression.ts';
import { indexKey } from './keys.ts';
import { compare } from './order.ts';
import type { Step } from './sort.ts';

/** Takes the values of one group and answers for all of them. */
interface Accumulator {
  add(value: Value | undefined): void;
  result(): Value;
}

const ACCUMULATORS: ReadonlyMap<string, () => Accumulator> = new Map<string, () => Accumulator>([
  ['$sum', () => new Sum()],
  ['$avg', () => new Average()],
  ['$min', () => new Extreme(-1)],
  ['$max', () => new Extreme(1)],
  ['$first', () => new First()],
  ['$last', () => new Last()],
]);

interface GroupField {
  name: string;
  create: () => Accumulator;
  expression: Expression;
}

const MEMORY_LIMIT = 100 * 1024 * 1024;
/** What a group takes beside its key, roughly. */
const GROUP_COST = 300;

/** Compiles the argument of `$group`. */
export function compileGroup(spec: Value): (source: Iterable<Step>) => Generator<Step> {
  if (!isDoc(spec)) throw new MongoError(15947, "a group's fields must be specified in an object");
  const id = spec.get('_id');
  const fields = [...spec].filter(([name]) => name !== '_id').map(([name, value]) => groupField(name, value));
  if (id === undefined) throw new MongoError(15955, 'a group specification must include an _id');
  const idExpression = compileExpression(id);
  return (source) => groupSteps(source, idExpression, fields);
}

function groupField(name: string, value: Value): GroupField {
  if (name.includes('.')) throw new MongoError(40235, `The field name '${name}' cannot contain '.'`);
  if (name.startsWith('$') && isDoc(value)) {
    throw new MongoError(40236, `The field name '${name}' cannot be an operator name`);
  }
  if (!isDoc(value)) throw new MongoError(40234, `The field '${name}' must be an accumulator object`);
  const [accumulator] = value;
  if (value.size !== 1 || accumulator === undefined) {
    throw new MongoError(40238, `The field '${name}' must specify one accumulator`);
  }
  const [operator, argument] = accumulator;
  const create = ACCUMULATORS.get(operator);
  if (!create) {
    if (isOutsideExpression(operator) && OUTSIDE_ACCUMULATORS.has(operator)) throw unsupported(`${operator} in $group`);
    throw new MongoError(15952, `unknown group operator '${operator}'`);
  }
  return { name, create, expression: compileExpression(argument) };
}

const OUTSIDE_ACCUMULATORS = new Set(
  `accumulator addToSet bottom bottomN concatArrays count firstN lastN maxN median mergeObjects minN percentile push setUnion
  stdDevPop stdDevSamp top topN`
    .split(/\s+/)
    .map((name) => `$${name}`),
);

interface Group {
  id: Value;
  accumulators: Accumulator[];
}

function* groupSteps(source: Iterable<Step>, idOf: Expression, fields: readonly GroupField[]): Generator<Step> {
  const groups = new Map<string, Group>();
  let memory = 0;
  for (const doc of source) {
    if (doc !== undefined) {
      const id = idOf(doc) ?? null;
      // The key of equal values is equal, whatever number type they have.
      const key = indexKey(id, { cut: Infinity }).toString('latin1');
      let group = groups.get(key);
      if (group === undefined) {
        group = { id, accumulators: fields.map(({ create }) => create()) };
        groups.set(key, group);
        memory += key.length * 2 + GROUP_COST;
        if (memory > MEMORY_LIMIT) throw new MongoError(292, 'Exceeded memory limit for $group');
      }
      for (const [i, accumulator] of group.accumulators.entries()) accumulator.add(fields[i]?.expression(doc));
    }
    yield undefined;
  }
  for (const { id, accumulators } of groups.values()) {
    const result: Doc = new Map([['_id', id]]);
    for (const [i, accumulator] of accumulators.entries()) result.set(fields[i]?.name ?? '', accumulator.result());
    yield result;
  }
}

/** Adds doubles with the error of each addition kept beside the sum, as MongoDB does: sums do not depend on the order. */
class Total {
  private sum = 0;
  private error = 0;
  private plain = 0;

  add(value: Numeric): void {
    const double = toNumber(value);
    this.addDouble(double);
    if (value instanceof Long && Math.abs(double) >= 2 ** 53) this.addDouble(Number(value.toBigInt() - BigInt(double)));
  }

  private addDouble(value: number): void {
    this.plain += value;
    const [first, rest] = twoSum(value, this.error);
    const [sum, error] = twoSum(this.sum, first);
    this.sum = sum;
    this.error = rest + error;
  }

  toDouble(): number {
    const total = this.sum + this.error;
    return Number.isNaN(total) ? this.plain : total;
  }

  toBigInt(): bigint {
    return BigInt(this.sum) + BigInt(this.error);
  }
}

function twoSum(a: number, b: number): [number, number] {
  const sum = a + b;
  const rest = sum - a;
  return [sum, a - (sum - rest) + (b - rest)];
}

class Sum implements Accumulator {
  private readonly total = new Total();
  private type: 'int' | 'long' | 'double' = 'int';

  add(value: Value | undefined): void {
    if (!isSummand(value)) return;
    if (value instanceof Double) this.type = 'double';
    else if (value instanceof Long && this.type === 'int') this.type = 'long';
    this.total.add(value);
  }

  result(): Value {
    if (this.type === 'double') return new Double(this.total.toDouble());
    const sum = this.total.toBigInt();
    if (this.type === 'int' && sum === BigInt.asIntN(32, sum)) return new Int32(Number(sum));
    return sum === BigInt.asIntN(64, sum) ? Long.fromBigInt(sum) : new Double(this.total.toDouble());
  }
}

class Average implements Accumulator {
  private readonly total = new Total();
  private count = 0;

  add(value: Value | undefined): void {
    if (!isSummand(value)) return;
    this.total.add(value);
    this.count++;
  }

  result(): Value {
    return this.count === 0 ? null : new Double(this.total.toDouble() / this.count);
  }
}

class Extreme implements Accumulator {
  private readonly sign: -1 | 1;
  private best: Value | undefined;

  constructor(sign: -1 | 1) {
    this.sign = sign;
  }

  add(value: Value | undefined): void {
    if (value === undefined || value === null) return;
    if (this.best === undefined || compare(value, this.best) * this.sign > 0) this.best = value;
  }

  result(): Value {
    return this.best ?? null;
  }
}

class First implements Accumulator {
  private value: Value | undefined;
  private isSet = false;

  add(value: Value | undefined): void {
    if (this.isSet) return;
    this.value = value;
    this.isSet = true;
  }

  result(): Value {
    return this.value ?? null;
  }
}

class Last implements Accumulator {
  private value: Value | undefined;

  add(value: Value | undefined): void {
    this.value = value;
  }

  result(): Value {
    return this.value ?? null;
  }
}
