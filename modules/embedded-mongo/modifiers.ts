import { Double, Int32, Long, Timestamp } from 'bson';
import { badValue, MongoError } from './errors.ts';
import { encode } from './bson-bytes.ts';
import { isDoc, isSummand, toInteger, toNumber, typeCode, typeName } from './bson-types.ts';
import type { Doc, Numeric, Value } from './bson-types.ts';
import { compileFilter, compileValueFilter } from './match.ts';
import { compare, equal } from './order.ts';

/** Says that a field goes away. */
export const REMOVE = Symbol('remove');

/** What an operator does to one field. */
export interface Change {
  /** A path that does not exist is made. */
  creates: boolean;
  /** A path that cannot exist is no error. */
  toleratesDeadEnds?: boolean;
  /** The new value; undefined when the update counts as none. */
  apply(current: Value | undefined, now: Date): Value | typeof REMOVE | undefined;
}

type Compile = (argument: Value, path: string) => Change;

/** The update operators of the closed list; `$rename` is handled apart, it has two paths. */
export const MODIFIERS: ReadonlyMap<string, Compile> = new Map<string, Compile>([
  ['$set', compileSet],
  ['$setOnInsert', compileSet],
  ['$unset', () => ({ creates: false, toleratesDeadEnds: true, apply: () => REMOVE })],
  ['$inc', compileInc],
  ['$min', (argument) => compileExtreme(argument, -1)],
  ['$max', (argument) => compileExtreme(argument, 1)],
  ['$currentDate', compileCurrentDate],
  ['$push', compilePush],
  ['$addToSet', compileAddToSet],
  ['$pull', compilePull],
  ['$pop', compilePop],
  ['$rename', compileSet],
]);

/** Claims an operator that MongoDB has and this store has not. */
export function isOutsideModifier(name: string): boolean {
  return name === '$mul' || name === '$bit' || name === '$pullAll';
}

/** Claims the same bytes: type, sign of zero and field order count. */
function isIdentical(a: Value, b: Value): boolean {
  return a === b || encode(new Map([['', a]])).equals(encode(new Map([['', b]])));
}

function compileSet(value: Value): Change {
  return {
    creates: true,
    apply: (current) => (current !== undefined && isIdentical(current, value) ? undefined : value),
  };
}

function compileInc(argument: Value, path: string): Change {
  if (!isSummand(argument)) throw new MongoError(14, `Cannot increment with non-numeric argument: {${path}: ...}`);
  return {
    creates: true,
    apply: (current) => {
      if (current === undefined) return argument;
      if (!isSummand(current)) {
        throw new MongoError(14, `Cannot apply $inc to a value of non-numeric type: '${path}' is ${typeName(current)}`);
      }
      const sum = add(current, argument);
      // NaN is never the same as before, and -0.0 is the same as 0.0.
      const isSame = typeCode(sum) === typeCode(current) && equal(sum, current) && !Number.isNaN(toNumber(sum));
      return isSame ? undefined : sum;
    },
  };
}

/** MongoDB's addition: int32 grows into int64, any double makes a double, int64 does not overflow (code 2). */
function add(a: Numeric, b: Numeric): Numeric {
  if (a instanceof Double || b instanceof Double) return new Double(toNumber(a) + toNumber(b));
  const sum = BigInt(a.toString()) + BigInt(b.toString());
  const isSmall = sum === BigInt.asIntN(32, sum);
  if (a instanceof Int32 && b instanceof Int32 && isSmall) return new Int32(Number(sum));
  if (sum !== BigInt.asIntN(64, sum))
    throw badValue('Failed to apply $inc operations to current value: int64 overflow');
  return Long.fromBigInt(sum);
}

function compileExtreme(argument: Value, sign: -1 | 1): Change {
  const isBeaten = (current: Value): boolean => compare(argument, current) * sign > 0;
  return { creates: true, apply: (current) => (current === undefined || isBeaten(current) ? argument : undefined) };
}

function compileCurrentDate(argument: Value): Change {
  const type = isDoc(argument) ? argument.get('$type') : typeof argument === 'boolean' ? 'date' : undefined;
  if ((type !== 'date' && type !== 'timestamp') || (isDoc(argument) && argument.size > 1)) {
    throw badValue(`${typeName(argument)} is not valid type for $currentDate`);
  }
  return {
    creates: true,
    apply: (_current, now) =>
      type === 'date' ? new Date(now) : new Timestamp({ t: Math.floor(now.getTime() / 1000), i: 1 }),
  };
}

interface Push {
  items: Value[];
  slice: number | undefined;
  position: number | undefined;
  order: ((a: Value, b: Value) => number) | undefined;
}

function compilePush(argument: Value, path: string): Change {
  const push = parsePush(argument);
  return {
    creates: true,
    apply: (current) => {
      if (current !== undefined && !Array.isArray(current)) {
        throw badValue(`The field '${path}' must be an array but is of type ${typeName(current)}`);
      }
      // Slicing and sorting count as a change whatever they do, except on nothing at all.
      const rearranges = push.slice !== undefined || push.order !== undefined;
      const changes = push.items.length > 0 || (rearranges && current?.length !== 0);
      return current !== undefined && !changes ? undefined : pushed(current ?? [], push);
    },
  };
}

function pushed(current: Value[], { items, slice, position, order }: Push): Value[] {
  const result = [...current];
  // A negative position counts from the end, as splice does.
  result.splice(position ?? result.length, 0, ...items);
  if (order) result.sort(order);
  if (slice === undefined) return result;
  return slice >= 0 ? result.slice(0, slice) : result.slice(slice);
}

const PUSH_CLAUSES = new Set(['$each', '$slice', '$sort', '$position']);

function parsePush(argument: Value): Push {
  if (!isDoc(argument) || !argument.has('$each')) {
    return { items: [argument], slice: undefined, position: undefined, order: undefined };
  }
  const unknown = [...argument.keys()].find((name) => !PUSH_CLAUSES.has(name));
  if (unknown !== undefined) throw badValue(`Unrecognized clause in $push: ${unknown}`);
  const items = argument.get('$each');
  if (!Array.isArray(items)) throw badValue(`The argument to $each in $push must be an array: ${typeName(items)}`);
  const sort = argument.get('$sort');
  return {
    items,
    slice: integerClause(argument, '$slice'),
    position: integerClause(argument, '$position'),
    order: sort === undefined ? undefined : parsePushSort(sort),
  };
}

function integerClause(clauses: Doc, name: string): number | undefined {
  if (!clauses.has(name)) return undefined;
  const number = toInteger(clauses.get(name));
  if (number === undefined) throw badValue(`The value for ${name} must be an integer value`);
  return number;
}

function parsePushSort(sort: Value): (a: Value, b: Value) => number {
  if (!isDoc(sort)) {
    const direction = directionOf(sort);
    return (a, b) => compare(a, b) * direction;
  }
  if (sort.size === 0) throw badValue('The $sort pattern is empty when it should be a set of fields.');
  const keys = [...sort].map(([path, way]) => {
    if (path.split('.').includes('')) throw badValue(`FieldNames in $sort can not be empty: '${path}'`);
    return { path, direction: directionOf(way) };
  });
  return (a, b) => {
    for (const { path, direction } of keys) {
      const order = compare(sortField(a, path), sortField(b, path)) * direction;
      if (order !== 0) return order;
    }
    return 0;
  };
}

function directionOf(way: Value): number {
  const direction = toNumber(way);
  if (direction !== 1 && direction !== -1) throw badValue('The $sort element value must be either 1 or -1');
  return direction;
}

/** The value at a path as `$push` sorts by it: a field named by the whole path goes first, arrays are not entered. */
function sortField(item: Value, path: string): Value | undefined {
  const dot = path.indexOf('.');
  if (Array.isArray(item)) return sortField(new Map(item.map((value, i) => [String(i), value])), path);
  if (!isDoc(item)) return undefined;
  const whole = item.get(path);
  if (whole !== undefined || dot < 0) return whole;
  return sortField(item.get(path.slice(0, dot)) ?? null, path.slice(dot + 1));
}

function compileAddToSet(argument: Value, path: string): Change {
  const items = isDoc(argument) && argument.keys().next().value === '$each' ? eachItems(argument) : [argument];
  return {
    creates: true,
    apply: (current) => {
      if (current !== undefined && !Array.isArray(current)) {
        throw badValue(`Cannot apply $addToSet to non-array field '${path}' of type ${typeName(current)}`);
      }
      const result = [...(current ?? [])];
      for (const item of items) if (!result.some((other) => equal(item, other))) result.push(item);
      return result.length === current?.length ? undefined : result;
    },
  };
}

function eachItems(argument: Doc): Value[] {
  const items = argument.get('$each');
  if (!Array.isArray(items)) {
    throw new MongoError(
      14,
      `The argument to $each in $addToSet must be an array but it was of type ${typeName(items)}`,
    );
  }
  if (argument.size > 1) throw badValue('Found unexpected fields after $each in $addToSet');
  return items;
}

function compilePull(argument: Value): Change {
  const matches = pullFilter(argument);
  return {
    creates: false,
    apply: (current) => {
      if (!Array.isArray(current)) throw badValue('Cannot apply $pull to a non-array value');
      const kept = current.filter((item) => !matches(item));
      return kept.length === current.length ? undefined : kept;
    },
  };
}

const LOGICAL = new Set(['$and', '$or', '$nor', '$expr', '$where', '$text', '$jsonSchema', '$comment']);

function pullFilter(argument: Value): (item: Value) => boolean {
  if (typeCode(argument) === 11) return compileValueFilter(argument);
  if (!isDoc(argument)) return (item) => equal(item, argument);
  const [first] = argument.keys();
  if (first?.startsWith('$') === true && !LOGICAL.has(first)) return compileValueFilter(argument);
  const filter = compileFilter(argument);
  return (item) => isDoc(item) && filter.matches(item);
}

function compilePop(argument: Value, path: string): Change {
  const end = toNumber(argument);
  if (end !== 1 && end !== -1) throw new MongoError(9, `$pop expects 1 or -1 in: ${path}`);
  return {
    creates: false,
    apply: (current) => {
      if (!Array.isArray(current)) {
        throw new MongoError(14, `Path '${path}' contains an element of non-array type '${typeName(current)}'`);
      }
      if (current.length === 0) return undefined;
      return end === 1 ? current.slice(0, -1) : current.slice(1);
    },
  };
}
