import { isDeepStrictEqual } from 'node:util';

import { compileFilter, type Condition } from './match.ts';
import { isNumeric, Rare, toNumber, typeCode, typeRank, type Value } from './values.ts';

/** What a filter demands of one path, as far as an index can use it. Every match satisfies it; the reverse need not hold. */
export interface Bounds {
  points?: readonly Value[];
  low?: Value;
  high?: Value;
  /** A string that begins like this. */
  prefix?: string;
  /** The path leads somewhere. */
  present?: true;
}

/** The bounds by path that hold for every document a filter matches. */
export function boundsOf(condition: Condition): Map<string, Bounds> {
  const bounds = new Map<string, Bounds>();
  collect(condition, '', bounds);
  return bounds;
}

/** True when only documents that have a value other than null on the path can match. */
export function demandsPresence({ points, low, high, prefix, present }: Bounds): boolean {
  if (points) return !points.includes(null);
  return low !== undefined || high !== undefined || prefix !== undefined || present === true;
}

/** The conditions that must all hold. */
export function conjunctsOf(condition: Condition): readonly Condition[] {
  return condition.kind === 'and' ? condition.children.flatMap(conjunctsOf) : [condition];
}

/** True when whatever `condition` matches certainly satisfies `demand`, the filter of a partial index. */
export function implies(condition: Condition, demand: Condition): boolean {
  const given = conjunctsOf(condition);
  const bounds = boundsOf(condition);
  return conjunctsOf(demand).every(
    (part) => given.some((each) => isDeepStrictEqual(each, part)) || follows(bounds, part),
  );
}

function follows(bounds: Map<string, Bounds>, demand: Condition): boolean {
  if (!('path' in demand)) return false;
  const found = bounds.get(demand.path) ?? {};
  if (demand.kind === 'exists') return demandsPresence(found);
  // A value that satisfies the index's filter by itself does so in whatever array it stands.
  return found.points?.every((point) => point !== null && satisfies(point, demand)) ?? false;
}

function satisfies(point: Value, demand: Condition): boolean {
  if (demand.kind === 'type') return demand.codes.has(typeCode(point));
  if (demand.kind !== 'compare') return false;
  const alone = compileFilter(new Map([['v', new Map([[demand.op, demand.value]])]]));
  return alone.matches(new Map([['v', point]]));
}

function collect(condition: Condition, under: string, bounds: Map<string, Bounds>): void {
  if (condition.kind === 'and') for (const child of condition.children) collect(child, under, bounds);
  if (!('path' in condition)) return;
  const path = under + condition.path;
  // Each demand on an element is one on the document; that they meet in one element is checked there.
  if (condition.kind === 'elemMatch') {
    collect(condition.child, condition.of === 'values' ? path : `${path}.`, bounds);
    return;
  }
  const found = bounds.get(path) ?? {};
  bounds.set(path, found);
  if (condition.kind === 'compare') addComparison(found, condition.op, condition.value);
  else if (condition.kind === 'in' && condition.patterns.length === 0) addPoints(found, condition.values);
  else if (condition.kind === 'exists') found.present = true;
  else if (condition.kind === 'regex' && condition.pattern.prefix) found.prefix ??= condition.pattern.prefix;
}

function addComparison(found: Bounds, op: string, value: Value): void {
  if (op === '$eq') addPoints(found, [value]);
  else if (value === null || !isPoint(value) || (isNumeric(value) && Number.isNaN(toNumber(value)))) return;
  else if (op === '$gt' || op === '$gte') found.low ??= value;
  else found.high ??= value;
}

function addPoints(found: Bounds, points: readonly Value[]): void {
  if (points.length > 0 && points.every(isPoint)) found.points ??= points;
}

// An array equals a whole array or one of its elements: no single key stands for it. Other types have orders of their own.
function isPoint(value: Value): boolean {
  if (Array.isArray(value) || value instanceof Rare) return false;
  return isNumeric(value) || ![10, 50, -1, 127].includes(typeRank(value));
}
