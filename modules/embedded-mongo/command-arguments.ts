import { badValue, MongoError, unsupported } from './errors.ts';
import { compileFilter, type Filter } from './match.ts';
import { isDoc, isNumeric, isTruthy, toNumber, typeName, type Doc, type Value } from './values.ts';

/** The fields of a command: what it takes, what it needs, and what MongoDB takes but this store refuses. */
export interface Shape {
  takes?: readonly string[];
  needs?: readonly string[];
  refuses?: readonly string[];
  /** Some commands of MongoDB do not look at what else they are given. */
  isLenient?: true;
}

// Every command takes these; drivers send them without being asked.
const GENERIC = new Set([
  '$audit',
  '$client',
  '$clusterTime',
  '$configServerState',
  '$configTime',
  '$db',
  '$readPreference',
  '$topologyTime',
  'apiDeprecationErrors',
  'apiStrict',
  'apiVersion',
  'autocommit',
  'comment',
  'lsid',
  'maxTimeMS',
  'maxTimeMSOpOnly',
  'mayBypassWriteBlocking',
  'rawData',
  'readConcern',
  'serialization_context',
  'startTransaction',
  'stmtId',
  'stmtIds',
  'txnNumber',
  'usesDefaultMaxTimeMS',
  'writeConcern',
]);

/** The fields of a command or of one of its statements, checked against its shape and read by type. */
export class Arguments {
  private readonly fields: Doc;
  private readonly label: string;

  /** Unknown fields, then missing ones, are found before anything else; `first` is the command's own name, if it is one. */
  constructor(fields: Doc, label: string, shape: Shape, first?: string) {
    this.fields = fields;
    this.label = label;
    const { needs = [], refuses = [], isLenient = false } = shape;
    const known = knownFields(shape);
    for (const name of fields.keys()) {
      if (isLenient || known.has(name) || name === first || (first !== undefined && GENERIC.has(name))) continue;
      throw new MongoError(40415, `BSON field '${label}.${name}' is an unknown field.`);
    }
    for (const name of needs) {
      if (fields.has(name)) continue;
      throw new MongoError(40414, `BSON field '${label}.${name}' is missing but a required field`);
    }
    for (const name of refuses) {
      if (asksForSomething(name, fields.get(name))) throw unsupported(`"${name}" in ${label}`);
    }
  }

  /** The field as it came; null counts as not given. */
  value(name: string): Value | undefined {
    return this.fields.get(name) ?? undefined;
  }

  doc(name: string): Doc | undefined {
    const value = this.value(name);
    return value === undefined || isDoc(value) ? value : this.wrong(name, value, 'object');
  }

  /** A filter; none matches everything. */
  filter(name: string): Filter {
    return compileFilter(this.doc(name) ?? new Map<string, Value>());
  }

  array(name: string): Value[] | undefined {
    const value = this.value(name);
    return value === undefined || Array.isArray(value) ? value : this.wrong(name, value, 'array');
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    return value === undefined || typeof value === 'string' ? value : this.wrong(name, value, 'string');
  }

  flag(name: string): boolean {
    const value = this.value(name);
    if (value === undefined) return false;
    return typeof value === 'boolean' || isNumeric(value) ? isTruthy(value) : this.wrong(name, value, 'bool');
  }

  /** A whole number that is not negative. */
  count(name: string): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (!isNumeric(value)) return this.wrong(name, value, 'long');
    const number = Math.trunc(toNumber(value));
    if (number >= 0) return number;
    throw new MongoError(51024, `BSON field '${name}' value must be >= 0, actual value '${number}'`);
  }

  private wrong(name: string, value: Value, expected: string): never {
    throw new MongoError(
      14,
      `BSON field '${this.label}.${name}' is the wrong type '${typeName(value)}', expected type '${expected}'`,
    );
  }
}

const fieldsByShape = new WeakMap<Shape, Set<string>>();

function knownFields(shape: Shape): Set<string> {
  const cached = fieldsByShape.get(shape);
  if (cached) return cached;
  const { takes = [], needs = [], refuses = [] } = shape;
  const known = new Set([...takes, ...needs, ...refuses]);
  fieldsByShape.set(shape, known);
  return known;
}

function asksForSomething(name: string, value: Value | undefined): boolean {
  if (value === undefined || value === null || value === false) return false;
  if (isDoc(value) && value.size === 0) return name === 'validator' ? false : name === 'viewOn';
  return !(name === 'collation' && isDoc(value) && value.get('locale') === 'simple' && value.size === 1);
}

/** The collection that a command names, with its database; refuses names that no collection can have. */
export function namespaceOf(database: string, name: Value | undefined): string {
  if (typeof name !== 'string') {
    throw new MongoError(73, `collection name has invalid type ${typeName(name)}`);
  }
  const namespace = `${database}.${name}`;
  if (name === '' || name.startsWith('.') || /[\0$]/.test(name) || !isDatabaseName(database)) {
    throw new MongoError(73, `Invalid namespace specified '${namespace}'`);
  }
  if (Buffer.byteLength(namespace) > 255)
    throw new MongoError(73, `Fully qualified namespace is too long: ${namespace}`);
  return namespace;
}

function isDatabaseName(name: string): boolean {
  return name !== '' && name.length < 64 && !/[\0/\\. "$]/.test(name);
}

/** The hint of a command: an index's name or its key pattern. */
export function hintOf(given: Arguments): string | Doc | undefined {
  const hint = given.value('hint');
  if (hint === undefined || typeof hint === 'string') return hint;
  if (isDoc(hint)) return hint.size > 0 ? hint : undefined;
  throw badValue('hint must be a string or an object');
}
