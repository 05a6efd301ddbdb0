import { BSONRegExp, MaxKey, MinKey, ObjectId } from 'bson';
import { badValue, MongoError, unsupported } from './errors.ts';
import { compilePattern, type Pattern } from './pattern.ts';
import { arrayIndex } from './keys.ts';
import { compare, equal, typeRank } from './order.ts';
import {
  isDoc,
  isNumeric,
  isTruthy,
  Rare,
  stringBytes,
  toInteger,
  toNumber,
  TYPE_CODES,
  typeCode,
} from './bson-types.ts';
import type { Doc, Value } from './bson-types.ts';

/** How a value is compared. */
type Comparison = '$eq' | '$gt' | '$gte' | '$lt' | '$lte';

/** A condition on the values that a path leads to. */
type PathCondition = { readonly path: string } & (
  | { readonly kind: 'compare'; readonly op: Comparison; readonly value: Value }
  | { readonly kind: 'in'; readonly values: readonly Value[]; readonly patterns: readonly Pattern[] }
  | { readonly kind: 'regex'; readonly pattern: Pattern }
  | { readonly kind: 'exists' }
  | { readonly kind: 'type'; readonly codes: ReadonlySet<number> }
  | { readonly kind: 'size'; readonly size: number }
  | { readonly kind: 'elemMatch'; readonly of: 'values' | 'documents'; readonly child: Condition }
);

/** A filter as a tree, for whoever plans with it. */
export type Condition =
  | { readonly kind: 'and' | 'or' | 'nor'; readonly children: readonly Condition[] }
  | { readonly kind: 'not'; readonly child: Condition }
  | { readonly kind: 'never' }
  | PathCondition;

/** A compiled filter. */
export interface Filter {
  readonly condition: Condition;
  matches(doc: Doc): boolean;
  /** The index of the array element that made the document match, for the positional `$`. */
  position(doc: Doc): number | undefined;
}

/** Compiles a filter; throws what MongoDB answers to a wrong one. */
export function compileFilter(filter: Doc): Filter {
  const condition = parseFilter(filter);
  const test = toTest(condition);
  return {
    condition,
    matches: (doc) => test(doc, undefined),
    position: (doc) => {
      const match: Match = { index: undefined };
      return test(doc, match) ? match.index : undefined;
    },
  };
}

/** Compiles operators on a value itself, as `$pull` takes them: `{$gt: 5}`, or a regular expression. */
export function compileValueFilter(operators: Value): (value: Value) => boolean {
  const filter = compileFilter(new Map([['v', operators]]));
  return (value) => filter.matches(new Map([['v', value]]));
}

const all = (children: Condition[]): Condition =>
  children.length === 1 && children[0] !== undefined ? children[0] : { kind: 'and', children };

function parseFilter(filter: Doc): Condition {
  return all(
    [...filter].map(([name, value]) => (name.startsWith('$') ? parseLogical(name, value) : parseField(name, value))),
  );
}

const OUTSIDE_TOP = new Set([
  '$expr',
  '$where',
  '$text',
  '$jsonSchema',
  '$sampleRate',
  '$comment',
  '$alwaysTrue',
  '$alwaysFalse',
]);

function parseLogical(name: string, value: Value): Condition {
  if (OUTSIDE_TOP.has(name)) throw unsupported(name);
  if (name !== '$and' && name !== '$or' && name !== '$nor') throw badValue(`unknown top level operator: ${name}`);
  if (!Array.isArray(value)) throw badValue(`${name} must be an array`);
  if (value.length === 0) throw badValue('$and/$or/$nor must be a nonempty array');
  const children = value.map((child) => {
    if (!isDoc(child)) throw badValue('$or/$and/$nor entries need to be full objects');
    return parseFilter(child);
  });
  if (name !== '$nor' && children.length === 1) return all(children);
  return { kind: name === '$and' ? 'and' : name === '$or' ? 'or' : 'nor', children };
}

function parseField(path: string, value: Value): Condition {
  if (isOperators(value)) return parseOperators(path, value);
  if (typeCode(value) === 11) return { kind: 'regex', path, pattern: patternOf(value) };
  return { kind: 'compare', path, op: '$eq', value };
}

/** Claims a document of operators; a DBRef is a value although its names begin with `$`. */
function isOperators(value: Value): value is Doc {
  if (!isDoc(value)) return false;
  const [first] = value.keys();
  return first?.startsWith('$') === true && !(value.has('$ref') && value.has('$id'));
}

function parseOperators(path: string, operators: Doc): Condition {
  const children: Condition[] = [];
  for (const [name, value] of operators) {
    if (name === '$options') {
      if (!operators.has('$regex')) throw badValue('$options needs a $regex');
    } else if (name === '$regex') {
      children.push({ kind: 'regex', path, pattern: regexOf(value, operators.get('$options')) });
    } else children.push(parseOperator(path, name, value));
  }
  return all(children);
}

const OUTSIDE_FIELD = new Set([
  ...['$mod', '$bitsAllSet', '$bitsAnySet', '$bitsAllClear', '$bitsAnyClear', '$comment'],
  ...['$near', '$nearSphere', '$geoNear', '$geoWithin', '$within', '$geoIntersects', '$maxDistance', '$minDistance'],
]);

function parseOperator(path: string, name: string, value: Value): Condition {
  switch (name) {
    case '$eq':
      return { kind: 'compare', path, op: name, value };
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      if (typeCode(value) === 11) throw badValue(`Can't have RegEx as arg to predicate over field '${path}'.`);
      return { kind: 'compare', path, op: name, value };
    case '$ne':
      if (typeCode(value) === 11) throw badValue("Can't have regex as arg to $ne.");
      return { kind: 'not', child: { kind: 'compare', path, op: '$eq', value } };
    case '$in':
      return parseIn(path, name, value);
    case '$nin':
      return { kind: 'not', child: parseIn(path, name, value) };
    case '$exists':
      return isTruthy(value) ? { kind: 'exists', path } : { kind: 'not', child: { kind: 'exists', path } };
    case '$type':
      return { kind: 'type', path, codes: typeCodes(value) };
    case '$size':
      return { kind: 'size', path, size: sizeOf(value) };
    case '$not':
      return { kind: 'not', child: parseNot(path, value) };
    case '$all':
      return parseAll(path, value);
    case '$elemMatch':
      return parseElemMatch(path, value);
    default:
      if (OUTSIDE_FIELD.has(name)) throw unsupported(name);
      throw badValue(`unknown operator: ${name}`);
  }
}

function parseIn(path: string, name: string, value: Value): Condition {
  if (!Array.isArray(value)) throw badValue(`${name} needs an array`);
  if (value.some(isOperators)) throw badValue(`cannot nest $ under ${name}`);
  return {
    kind: 'in',
    path,
    values: value.filter((item) => typeCode(item) !== 11),
    patterns: value.filter((item) => typeCode(item) === 11).map(patternOf),
  };
}

function parseNot(path: string, value: Value): Condition {
  if (typeCode(value) === 11) return { kind: 'regex', path, pattern: patternOf(value) };
  if (!isDoc(value)) throw badValue('$not needs a regex or a document');
  if (value.size === 0) throw badValue('$not cannot be empty');
  return parseOperators(path, value);
}

function parseAll(path: string, value: Value): Condition {
  if (!Array.isArray(value)) throw badValue('$all needs an array');
  const [first] = value;
  if (first === undefined) return { kind: 'never' };
  if (isDoc(first) && first.keys().next().value === '$elemMatch') {
    const children = value.map((item) => {
      const inner = isDoc(item) && item.size === 1 ? item.get('$elemMatch') : undefined;
      if (inner === undefined) throw badValue('$all/$elemMatch has to be consistent');
      return parseElemMatch(path, inner);
    });
    return all(children);
  }
  if (value.some(isOperators)) throw badValue('no $ expressions in $all');
  return all(value.map((item) => parseField(path, item)));
}

function parseElemMatch(path: string, value: Value): Condition {
  if (!isDoc(value)) throw badValue('$elemMatch needs an Object');
  const [first] = value.keys();
  const ofValues =
    isOperators(value) && first !== undefined && !['$and', '$or', '$nor', ...OUTSIDE_TOP].includes(first);
  return ofValues
    ? { kind: 'elemMatch', path, of: 'values', child: parseOperators('', value) }
    : { kind: 'elemMatch', path, of: 'documents', child: parseFilter(value) };
}

function sizeOf(value: Value): number {
  const size = toInteger(value);
  if (size === undefined || size < 0) throw badValue('Failed to parse $size. Expected a non-negative integer');
  return size;
}

function typeCodes(value: Value): ReadonlySet<number> {
  const codes = (Array.isArray(value) ? value : [value]).flatMap((item) => {
    if (typeof item === 'string') {
      const code = TYPE_CODES.get(item);
      if (item === 'number') return [1, 16, 18, 19];
      if (code === undefined) throw badValue(`Unknown type name alias: ${item}`);
      return [code];
    }
    if (!isNumeric(item)) throw new MongoError(14, 'type must be represented as a number or a string');
    const number = toNumber(item);
    const code = number === -1 ? 255 : number;
    if (number === 255 || ![...TYPE_CODES.values()].includes(code)) {
      throw badValue(`Invalid numerical type code: ${number}`);
    }
    return [code];
  });
  if (codes.length === 0) throw new MongoError(9, '$type must match at least one type');
  return new Set(codes);
}

function regexOf(value: Value, options: Value | undefined): Pattern {
  if (options !== undefined && typeof options !== 'string') throw badValue('$options has to be a string');
  if (typeof value === 'string') return compilePattern(value, options ?? '');
  if (!(value instanceof BSONRegExp)) {
    if (typeCode(value) === 11) return patternOf(value);
    throw badValue('$regex has to be a string');
  }
  if (options !== undefined && value.options !== '') {
    throw new MongoError(51075, 'options set in both $regex and $options');
  }
  return compilePattern(value.pattern, options ?? value.options);
}

function patternOf(value: Value): Pattern {
  if (value instanceof BSONRegExp) return compilePattern(value.pattern, value.options);
  throw unsupported('A regular expression with these options');
}

/** Where the match was found, filled in for the positional `$`. */
interface Match {
  index: number | undefined;
}
type Test = (doc: Doc, match: Match | undefined) => boolean;
type Leaf = (value: Value | undefined) => boolean;

function toTest(condition: Condition): Test {
  switch (condition.kind) {
    case 'and':
      return allTests(condition.children.map(toTest));
    case 'or': {
      const tests = condition.children.map(toTest);
      return (doc, match) => {
        if (match === undefined) return tests.some((test) => test(doc, undefined));
        return tests.filter((test) => test(doc, match)).length > 0;
      };
    }
    case 'nor': {
      const tests = condition.children.map(toTest);
      return (doc) => !tests.some((test) => test(doc, undefined));
    }
    case 'not': {
      const test = toTest(condition.child);
      return (doc) => !test(doc, undefined);
    }
    case 'never':
      return () => false;
    default:
      return pathTest(condition);
  }
}

function allTests(tests: Test[]): Test {
  return (doc, match) => {
    const before = match?.index;
    for (const test of tests) {
      if (test(doc, match)) continue;
      if (match !== undefined) match.index = before;
      return false;
    }
    return true;
  };
}

function pathTest(condition: PathCondition): Test {
  const parts = condition.path.split('.');
  if (condition.kind === 'elemMatch') return elemMatchTest(parts, elementTest(condition));
  const leaf = toLeaf(condition);
  const elements = condition.kind !== 'size';
  return (doc, match) =>
    visitPath(doc, parts, elements, (value, index) => {
      if (!leaf(value)) return false;
      if (match !== undefined && index !== undefined) record(match, index);
      return true;
    });
}

/** Two conditions that match in different elements: which of them counts depends on MongoDB's order of evaluation. */
function record(match: Match, index: number): void {
  if (match.index !== undefined && match.index !== index) {
    throw unsupported('The positional $ with conditions on several arrays or elements in the filter (use $elemMatch)');
  }
  match.index = index;
}

function elemMatchTest(parts: readonly string[], element: Leaf): Test {
  return (doc, match) =>
    visitPath(doc, parts, false, (value, index) => {
      if (!Array.isArray(value)) return false;
      const found = value.findIndex(element);
      if (found >= 0 && match !== undefined) record(match, index ?? found);
      return found >= 0;
    });
}

function elementTest(condition: PathCondition & { kind: 'elemMatch' }): Leaf {
  if (condition.of === 'values') return toElementTest(condition.child);
  const test = toTest(condition.child);
  return (value) => {
    if (isDoc(value)) return test(value, undefined);
    // An array is a document too: its fields are named by their indexes.
    return Array.isArray(value) && test(new Map(value.map((item, i) => [String(i), item])), undefined);
  };
}

/** A condition on a value as it stands, without looking into arrays. */
function toElementTest(condition: Condition): Leaf {
  switch (condition.kind) {
    case 'and': {
      const leaves = condition.children.map(toElementTest);
      return (value) => leaves.every((leaf) => leaf(value));
    }
    case 'not': {
      const leaf = toElementTest(condition.child);
      return (value) => !leaf(value);
    }
    case 'elemMatch': {
      const element = elementTest(condition);
      return (value) => Array.isArray(value) && value.some(element);
    }
    case 'or':
    case 'nor':
    case 'never':
      return () => false;
    default:
      return toLeaf(condition);
  }
}

function toLeaf(condition: Exclude<PathCondition, { kind: 'elemMatch' }>): Leaf {
  switch (condition.kind) {
    case 'compare':
      return comparisonLeaf(condition.op, condition.value);
    case 'in':
      return inLeaf(condition.values, condition.patterns);
    case 'regex':
      return patternLeaf(condition.pattern);
    case 'exists':
      return (value) => value !== undefined;
    case 'type':
      return (value) => value !== undefined && condition.codes.has(typeCode(value));
    case 'size':
      return (value) => Array.isArray(value) && value.length === condition.size;
  }
}

const ACCEPTS: Readonly<Record<Comparison, (order: number) => boolean>> = {
  $eq: (order) => order === 0,
  $gt: (order) => order > 0,
  $gte: (order) => order >= 0,
  $lt: (order) => order < 0,
  $lte: (order) => order <= 0,
};

function comparisonLeaf(op: Comparison, wanted: Value): Leaf {
  const rank = typeRank(wanted);
  const accepts = ACCEPTS[op];
  if (op === '$eq' && typeof wanted === 'string') return (value) => value === wanted;
  if (wanted instanceof MinKey || wanted instanceof MaxKey) return (value) => accepts(compare(value, wanted));
  const isNaNWanted = isNumeric(wanted) && Number.isNaN(toNumber(wanted));
  return (value) => {
    if (typeRank(value) !== rank) return false;
    const order = compare(value, wanted);
    // NaN equals itself and is neither less nor greater than any number.
    if (rank === 10 && order !== 0 && (isNaNWanted || Number.isNaN(toNumber(value)))) return false;
    return accepts(order);
  };
}

function inLeaf(values: readonly Value[], patterns: readonly Pattern[]): Leaf {
  const strings = new Set(values.filter((value) => typeof value === 'string'));
  const ids = new Set(values.filter((value) => value instanceof ObjectId).map((id) => id.toHexString()));
  const others = values.filter((value) => typeof value !== 'string' && !(value instanceof ObjectId));
  const leaves = patterns.map(patternLeaf);
  return (value) => {
    if (typeof value === 'string' && strings.has(value)) return true;
    if (value instanceof ObjectId && ids.has(value.toHexString())) return true;
    return others.some((other) => equal(value, other)) || leaves.some((leaf) => leaf(value));
  };
}

function patternLeaf({ regexp, source, options }: Pattern): Leaf {
  return (value) => {
    if (typeof value === 'string') return regexp.test(value);
    if (value instanceof BSONRegExp) return value.pattern === source && value.options === options;
    return value instanceof Rare && value.type === 14 && regexp.test(stringBytes(value).toString());
  };
}

type Visit = (value: Value | undefined, index: number | undefined) => boolean;

/**
 * Visits what a path leads to until a visit answers true: through every array on the way, and (with `elements`)
 * the elements of an array at its end before the array itself. The index is that of the outermost array.
 */
function visitPath(
  doc: Doc,
  parts: readonly string[],
  elements: boolean,
  visit: Visit,
  from = 0,
  index?: number,
): boolean {
  let value: Value | undefined = doc;
  for (let i = from; i < parts.length; i++) {
    value = value.get(parts[i] ?? '');
    if (Array.isArray(value)) return visitArray(value, parts, elements, visit, i + 1, index);
    if (!(value instanceof Map)) return visit(i + 1 < parts.length ? undefined : value, index);
  }
  return visit(value, index);
}

function visitArray(
  array: Value[],
  parts: readonly string[],
  elements: boolean,
  visit: Visit,
  from: number,
  index: number | undefined,
): boolean {
  if (from >= parts.length) {
    return (elements && array.some((element, i) => visit(element, index ?? i))) || visit(array, index);
  }
  const named = arrayIndex(parts[from]);
  return array.some((element, i) => {
    const outer = index ?? i;
    if (element instanceof Map && visitPath(element, parts, elements, visit, from, outer)) return true;
    if (i !== named) return false;
    if (from === parts.length - 1) return visit(element, outer);
    if (element instanceof Map) return visitPath(element, parts, elements, visit, from + 1, outer);
    return Array.isArray(element) && visitArray(element, parts, elements, visit, from + 1, index);
  });
}
