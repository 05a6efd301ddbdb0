import { isDoc, type Doc, type Value } from './bson-types.ts';
import { MongoError, unsupported } from './errors.ts';
import { parseFieldPath } from './field-path.ts';

/** An expression: its value for a document, or undefined for missing. */
export type Expression = (doc: Doc) => Value | undefined;

/** Compiles a path, a literal or a document of them: the expressions of the closed list. */
export function compileExpression(value: Value): Expression {
  if (typeof value === 'string') return value.startsWith('$') ? compilePath(value) : () => value;
  if (Array.isArray(value)) throw unsupported('An array as an expression');
  if (!isDoc(value)) return () => value;
  const [first] = value.keys();
  if (first?.startsWith('$') !== true) return compileFields(value);
  if (value.size > 1) throw new MongoError(15983, 'An object representing an expression must have exactly one field');
  if (first === '$literal') return compileLiteral(value);
  if (isOutsideExpression(first)) throw unsupported(first);
  throw new MongoError(168, `Unrecognized expression '${first}'`);
}

/** The value of `{$literal: value}`, as it stands. */
export function compileLiteral(literal: Doc): Expression {
  const value = literal.get('$literal');
  return () => value;
}

function compileFields(fields: Doc): Expression {
  const compiled = [...fields].map(([name, value]): [string, Expression] => {
    if (name.includes('.')) throw new MongoError(16405, "FieldPath field names may not contain '.'.");
    parseFieldPath(name);
    return [name, compileExpression(value)];
  });
  return (doc) => {
    const result: Doc = new Map();
    for (const [name, expression] of compiled) {
      const value = expression(doc);
      if (value !== undefined) result.set(name, value);
    }
    return result;
  };
}

const VARIABLES = new Set([
  'ROOT',
  'CURRENT',
  'REMOVE',
  'NOW',
  'CLUSTER_TIME',
  'DESCEND',
  'PRUNE',
  'KEEP',
  'USER_ROLES',
]);

/** Compiles `"$a.b"`. */
function compilePath(text: string): Expression {
  if (text.startsWith('$$')) {
    const variable = text.slice(2).split('.')[0] ?? '';
    if (VARIABLES.has(variable)) throw unsupported(`$$${variable}`);
    throw new MongoError(17276, `Use of undefined variable: ${variable}`);
  }
  if (text === '$') throw new MongoError(16872, "'$' by itself is not a valid FieldPath");
  const parts = parseFieldPath(text.slice(1));
  return (doc) => valueAt(doc, parts, 0);
}

/** An array on the way gives the array of what its documents have there; numbers in a path name no elements. */
function valueAt(doc: Doc, parts: readonly string[], depth: number): Value | undefined {
  const value = doc.get(parts[depth] ?? '');
  if (depth === parts.length - 1) return value;
  if (isDoc(value)) return valueAt(value, parts, depth + 1);
  if (!Array.isArray(value)) return undefined;
  return value.flatMap((item) => {
    const found = isDoc(item) ? valueAt(item, parts, depth + 1) : undefined;
    return found === undefined ? [] : [found];
  });
}

const OUTSIDE_EXPRESSIONS = new Set(
  `abs accumulator acos acosh add addToSet allElementsTrue and anyElementTrue arrayElemAt arrayToObject asin asinh atan
  atan2 atanh avg binarySize bitAnd bitNot bitOr bitXor bottom bottomN bsonSize ceil cmp concat concatArrays cond const convert cos cosh count
  covariancePop covarianceSamp createObjectId dateAdd dateDiff dateFromParts dateFromString dateSubtract dateToParts dateToString dateTrunc
  dayOfMonth dayOfWeek dayOfYear degreesToRadians denseRank derivative divide documentNumber encStrContains encStrEndsWith encStrNormalizedEq
  encStrStartsWith eq exp expMovingAvg filter first firstN floor function getField gt gte hour ifNull in indexOfArray indexOfBytes
  indexOfCP integral isArray isNumber isoDayOfWeek isoWeek isoWeekYear last lastN let linearFill ln locf log log10 lt lte ltrim map
  max maxN median mergeObjects meta min minN millisecond minMaxScaler minute mod month multiply ne not objectToArray or percentile pow push
  radiansToDegrees rand range rank reduce regexFind regexFindAll regexMatch replaceAll replaceOne reverseArray round rtrim
  sampleRate second setDifference setEquals setField setIntersection setIsSubset setUnion shift sigmoid similarityCosine
  similarityDotProduct similarityEuclidean sin sinh size slice sortArray split
  sqrt stdDevPop stdDevSamp strLenBytes strLenCP strcasecmp substr substrBytes substrCP subtract sum switch tan tanh toArray toBool toDate
  toDecimal toDouble toHashedIndexKey toInt toLong toLower toObject toObjectId toString toUpper toUUID top topN trim trunc tsIncrement tsSecond
  type unsetField week year zip`
    .split(/\s+/)
    .map((name) => `$${name}`),
);

/** Claims an expression or accumulator that MongoDB has and this store has not. */
export function isOutsideExpression(name: string): boolean {
  return OUTSIDE_EXPRESSIONS.has(name);
}
