import { Int32 } from 'bson';

import type { Collection, Index } from './catalog.ts';
import { badValue, MongoError, unsupported } from './errors.ts';
import { compileFilter } from './match.ts';
import { equal, isDoc, isNumeric, isTruthy, toNumber, typeName, type Doc, type Value } from './values.ts';

const cannotCreate = (why: string): MongoError => new MongoError(67, why);

const OUTSIDE_KINDS = new Set(['2d', '2dsphere', 'text', 'hashed', 'columnstore']);
const OUTSIDE_OPTIONS = new Set([
  ...[
    'weights',
    'default_language',
    'language_override',
    'textIndexVersion',
    '2dsphereIndexVersion',
    'bits',
    'min',
    'max',
  ],
  ...['wildcardProjection', 'columnstoreProjection', 'storageEngine', 'prepareUnique', 'clustered'],
]);
const IGNORED_OPTIONS = new Set(['ns', 'background', 'dropDups', 'v', 'key', 'name']);
const PARTIAL_OPERATORS = new Set(['$eq', '$gt', '$gte', '$lt', '$lte', '$exists', '$type', '$in', '$and', '$or']);
const MAX_SECONDS = 2 ** 31 - 1;

/** Checks what createIndexes was given for one index and answers it as listIndexes shows it. */
export function checkSpec(given: Value): Doc {
  if (!isDoc(given))
    throw new MongoError(14, `The elements of the 'indexes' array must be objects, but got ${typeName(given)}`);
  const key = given.get('key');
  const name = given.get('name');
  if (key === undefined) throw new MongoError(9, "The 'key' field is a required property of an index specification");
  if (!isDoc(key)) throw new MongoError(14, `The field 'key' must be an object, but got ${typeName(key)}`);
  if (name === undefined) throw new MongoError(9, "The 'name' field is a required property of an index specification");
  if (typeof name !== 'string')
    throw new MongoError(14, `The field 'name' must be a string, but got ${typeName(name)}`);
  checkKey(key);
  if (name === '') throw cannotCreate('index names cannot be empty');
  if (name === '*') throw badValue("The index name '*' is not valid.");
  const spec: Doc = new Map<string, Value>([
    ['v', new Int32(2)],
    ['key', key],
    ['name', name],
  ]);
  for (const [option, value] of given) {
    const kept = checkOption(option, value);
    if (kept !== undefined) spec.set(option, kept);
  }
  checkTogether(spec, key);
  return spec;
}

function checkKey(key: Doc): void {
  if (key.size === 0) throw cannotCreate('Index keys cannot be empty.');
  for (const [path, way] of key) {
    if (typeof way === 'string' && OUTSIDE_KINDS.has(way)) throw unsupported(`An index of type ${way}`);
    if (typeof way === 'string') throw cannotCreate(`Unknown index plugin '${way}'`);
    if (!isNumeric(way) || toNumber(way) === 0 || Number.isNaN(toNumber(way))) {
      throw cannotCreate(
        `Values in v:2 index key pattern cannot be of type ${typeName(way)}. Only numbers > 0, numbers < 0, and strings are allowed.`,
      );
    }
    if (path === '$**' || path.endsWith('.$**')) throw unsupported('A wildcard index');
    if (path.split('.').includes('')) throw cannotCreate('Index keys cannot contain an empty field.');
    if (path.split('.').some((part) => part.startsWith('$'))) {
      throw cannotCreate(`Index key contains an illegal field name: field name starts with '$': '${path}'`);
    }
  }
}

/** The option as it is kept, or nothing when it says nothing. */
/** True for what a TTL index takes: seconds that are not negative and fit 31 bits. */
export function isSeconds(value: Value | undefined): boolean {
  return value !== undefined && isNumeric(value) && toNumber(value) >= 0 && toNumber(value) <= MAX_SECONDS;
}

function checkOption(option: string, value: Value): Value | undefined {
  if (IGNORED_OPTIONS.has(option)) return undefined;
  switch (option) {
    case 'unique':
    case 'sparse':
    case 'hidden':
      if (typeof value !== 'boolean' && !isNumeric(value)) {
        throw new MongoError(
          14,
          `The field '${option}' has value of type ${typeName(value)}, which is not convertible to bool`,
        );
      }
      if (option === 'hidden' && isTruthy(value)) throw unsupported('A hidden index');
      return isTruthy(value) ? true : undefined;
    case 'expireAfterSeconds':
      if (!isSeconds(value)) {
        throw cannotCreate("TTL index 'expireAfterSeconds' option must be a number of seconds that is not negative");
      }
      return value;
    case 'partialFilterExpression':
      if (!isDoc(value))
        throw new MongoError(14, `The field '${option}' must be an object, but got ${typeName(value)}`);
      checkPartial(value);
      return value;
    case 'collation':
      if (isDoc(value) && value.get('locale') === 'simple') return undefined;
      throw unsupported('An index with a collation');
    default:
      if (OUTSIDE_OPTIONS.has(option)) throw unsupported(`The index option ${option}`);
      throw new MongoError(197, `The field '${option}' is not valid for an index specification.`);
  }
}

function checkPartial(filter: Doc): void {
  compileFilter(filter);
  const check = (value: Value): void => {
    if (Array.isArray(value)) for (const item of value) check(item);
    if (!isDoc(value)) return;
    for (const [name, inner] of value) {
      if (name.startsWith('$') && !PARTIAL_OPERATORS.has(name))
        throw cannotCreate(`Expression not supported in partial index: ${name}`);
      if (name === '$exists' && !isTruthy(inner))
        throw cannotCreate('Expression not supported in partial index: $not $exists');
      check(inner);
    }
  };
  check(filter);
}

function checkTogether(spec: Doc, key: Doc): void {
  const isTtl = spec.has('expireAfterSeconds');
  const [first] = key;
  if (key.size === 1 && first?.[0] === '_id') {
    if (toNumber(first[1]) !== 1)
      throw badValue(`The field 'key' for an _id index must be {_id: 1}, but got {_id: ${toNumber(first[1])}}`);
    const other = [...spec.keys()].find((option) => !IGNORED_OPTIONS.has(option));
    if (other !== undefined)
      throw new MongoError(197, `The field '${other}' is not valid for an _id index specification.`);
    spec.set('name', '_id_');
  } else if (spec.get('name') === '_id_') {
    throw badValue("The index name '_id_' is reserved for the _id index, which must have key pattern {_id: 1}");
  }
  if (isTtl && key.size > 1)
    throw cannotCreate('TTL indexes are single-field indexes, compound indexes do not support TTL.');
  if (spec.get('sparse') === true && spec.has('partialFilterExpression')) {
    throw cannotCreate('cannot mix "partialFilterExpression" and "sparse" options');
  }
}

/** True when the collection has this very index; throws 85 or 86 when it has one that stands in the way. */
export function isThere(indexes: readonly Index[], spec: Doc): boolean {
  const name = nameOf(spec);
  const named = indexes.find((index) => index.name === name);
  const same = indexes.find((index) => isSameIndex(index.spec, spec));
  if (named && !isSameIndex(named.spec, spec)) {
    throw new MongoError(
      86,
      `An existing index has the same name as the requested index. When index names are not specified, they are auto generated and can cause conflicts. Please refer to our documentation. Requested index: ${name}`,
    );
  }
  if (named) {
    if (equal(named.spec.get('expireAfterSeconds'), spec.get('expireAfterSeconds'))) return true;
    throw new MongoError(
      85,
      `An equivalent index already exists with the same name but different options. Requested index: ${name}`,
    );
  }
  if (same) throw new MongoError(85, `Index already exists with a different name: ${same.name}`);
  return false;
}

function nameOf(spec: Doc): string {
  const name = spec.get('name');
  return typeof name === 'string' ? name : '';
}

function isSameIndex(spec: Doc, other: Doc): boolean {
  return ['key', 'unique', 'sparse', 'partialFilterExpression'].every((option) =>
    equal(spec.get(option), other.get(option)),
  );
}

/** The indexes that dropIndexes names: all but `_id`, by name, by names, or by key pattern. */
export function indexesToDrop(collection: Collection, wanted: Value): Index[] {
  if (wanted === '*') return collection.indexes.filter(({ id }) => id !== 0);
  const names = Array.isArray(wanted) ? wanted : [wanted];
  return names.map((name) => {
    const found = collection.indexes.find((index) =>
      isDoc(name) ? equal(index.spec.get('key'), name) : index.name === name,
    );
    if (typeof name !== 'string' && !isDoc(name)) {
      throw new MongoError(
        14,
        `BSON field 'dropIndexes.index' is the wrong type '${typeName(name)}', expected types '[string, object]'`,
      );
    }
    if (!found)
      throw new MongoError(
        27,
        typeof name === 'string' ? `index not found with name [${name}]` : "can't find index with key",
      );
    if (found.id === 0) throw new MongoError(72, 'cannot drop _id index');
    return found;
  });
}
