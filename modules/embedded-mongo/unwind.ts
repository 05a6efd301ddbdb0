import { Long } from 'bson';
import { isDoc, type Doc, type Value } from './bson-types.ts';
import { MongoError } from './errors.ts';
import { parseFieldPath } from './field-path.ts';
import type { Step } from './sort.ts';

interface Unwind {
  path: readonly string[];
  indexPath: readonly string[] | undefined;
  keepsEmpty: boolean;
}

/** Compiles the argument of `$unwind`. */
export function compileUnwind(spec: Value): (source: Iterable<Step>) => Generator<Step> {
  const unwind = parseUnwind(spec);
  return (source) => unwindSteps(source, unwind);
}

function parseUnwind(spec: Value): Unwind {
  if (typeof spec === 'string') return { path: parseUnwindPath(spec), indexPath: undefined, keepsEmpty: false };
  if (!isDoc(spec)) throw new MongoError(15981, 'expected either a string or an object as specification for $unwind');
  const path = spec.get('path') ?? '';
  const keepsEmpty = spec.get('preserveNullAndEmptyArrays') ?? false;
  if (typeof path !== 'string') throw new MongoError(28808, 'expected a string as the path for $unwind stage');
  if (typeof keepsEmpty !== 'boolean') {
    throw new MongoError(28809, 'expected a boolean for the preserveNullAndEmptyArrays option to $unwind stage');
  }
  const indexPath = spec.has('includeArrayIndex') ? parseIndexPath(spec.get('includeArrayIndex')) : undefined;
  const unknown = [...spec.keys()].find((name) => !OPTIONS.has(name));
  if (unknown !== undefined) throw new MongoError(28811, `unrecognized option to $unwind stage: ${unknown}`);
  return { path: parseUnwindPath(path), indexPath, keepsEmpty };
}

const OPTIONS = new Set(['path', 'includeArrayIndex', 'preserveNullAndEmptyArrays']);

function parseUnwindPath(path: string): readonly string[] {
  if (path === '') throw new MongoError(28812, 'no path specified to $unwind stage');
  if (!path.startsWith('$')) throw new MongoError(28818, `path option to $unwind stage should be prefixed with a '$'`);
  return parseFieldPath(path.slice(1));
}

function parseIndexPath(path: Value | undefined): readonly string[] {
  if (typeof path !== 'string' || path === '') {
    throw new MongoError(28810, 'expected a non-empty string for the includeArrayIndex option to $unwind stage');
  }
  if (path.startsWith('$')) throw new MongoError(28822, 'includeArrayIndex option should not be prefixed with a $');
  return parseFieldPath(path);
}

function* unwindSteps(source: Iterable<Step>, { path, indexPath, keepsEmpty }: Unwind): Generator<Step> {
  const withIndex = (doc: Doc, index: Value): Doc => (indexPath ? withField(doc, indexPath, index) : doc);
  for (const doc of source) {
    const value = doc === undefined ? undefined : fieldAt(doc, path);
    if (doc === undefined) yield undefined;
    else if (!Array.isArray(value)) {
      const isNothing = value === undefined || value === null;
      yield isNothing && !keepsEmpty ? undefined : withIndex(doc, null);
    } else if (value.length === 0) {
      yield keepsEmpty ? withIndex(withField(doc, path, undefined), null) : undefined;
    } else {
      for (const [i, item] of value.entries()) yield withIndex(withField(doc, path, item), Long.fromInt(i));
    }
  }
}

/** The value at a path through documents; an array on the way ends it. */
function fieldAt(doc: Doc, path: readonly string[]): Value | undefined {
  let value: Value | undefined = doc;
  for (const part of path) value = isDoc(value) ? value.get(part) : undefined;
  return value;
}

/** The document with this value at the path; without the field for undefined. */
function withField(doc: Doc, [part = '', ...rest]: readonly string[], value: Value | undefined): Doc {
  const result = new Map(doc);
  const inner = doc.get(part);
  const next = rest.length === 0 ? value : withField(isDoc(inner) ? inner : new Map<string, Value>(), rest, value);
  if (next === undefined) result.delete(part);
  else result.set(part, next);
  return result;
}
