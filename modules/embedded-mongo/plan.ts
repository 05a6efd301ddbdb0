import { boundsOf, conjunctsOf, demandsPresence, implies, type Bounds } from './bounds.ts';
import { idRange, type Collection, type Index } from './catalog.ts';
import { badValue } from './errors.ts';
import { entryRanges, idRanges, MAX_RANGES } from './ranges.ts';
import type { KeyRange } from './storage.ts';
import type { Condition } from './match.ts';
import { equal, toNumber, type Doc } from './values.ts';

/** The order that is asked for. */
export type Order = readonly { path: string; direction: 1 | -1 }[];

/** Ranges of one index; without one, or with that of `_id`, of the documents themselves. */
export interface Step {
  index?: Index;
  ranges: KeyRange[];
}

/** Where to look for the documents of a filter. Each of them is checked against the filter again. */
export interface Plan {
  steps: Step[];
  reverse: boolean;
  /** The documents come in the order asked for. */
  sorted: boolean;
  /** One document may come several times. */
  repeats: boolean;
}

/** What a plan is made for. */
export interface Wish {
  condition: Condition;
  order?: Order;
  hint?: string | Doc | undefined;
}

interface Candidate {
  plan: Plan;
  score: number;
}

/** Chooses an index for a filter and an order, or a scan of the collection. */
export function choosePlan(collection: Collection, { condition, order = [], hint }: Wish): Plan {
  const bounds = boundsOf(condition);
  const hinted = hint === undefined ? undefined : findHinted(collection, hint);
  if (hinted)
    return planFor({ collection, index: hinted, bounds, order, isForced: true })?.plan ?? scanAll(collection, order);
  if (hint !== undefined) return scanAll(collection, order, naturalDirection(hint));
  const usable = collection.indexes.filter((index) => !index.building && covers(index, condition, bounds));
  const candidates = usable.flatMap((index) => planFor({ collection, index, bounds, order, isForced: false }) ?? []);
  const [best] = candidates.sort((a, b) => b.score - a.score);
  if (best && best.score >= CONSTRAINED) return best.plan;
  return planAlternatives(collection, condition, order) ?? best?.plan ?? scanAll(collection, order);
}

function findHinted(collection: Collection, hint: string | Doc): Index | undefined {
  if (naturalDirection(hint) !== undefined) return undefined;
  const found = collection.indexes.find(
    ({ name, spec, building }) =>
      !building && (typeof hint === 'string' ? name === hint : equal(spec.get('key'), hint)),
  );
  if (!found)
    throw badValue(
      'error processing query: planner returned error: hint provided does not correspond to an existing index',
    );
  return found;
}

function naturalDirection(hint: string | Doc): 1 | -1 | undefined {
  if (hint === '$natural') return 1;
  if (typeof hint === 'string' || !hint.has('$natural')) return undefined;
  return toNumber(hint.get('$natural')) < 0 ? -1 : 1;
}

function scanAll(collection: Collection, order: Order, direction: 1 | -1 = 1): Plan {
  const ranges = [idRange(collection.id)];
  return { steps: [{ ranges }], reverse: direction < 0, sorted: order.length === 0, repeats: false };
}

/** True when every document the filter matches is in the index. */
function covers(index: Index, condition: Condition, bounds: Map<string, Bounds>): boolean {
  if (index.sparse && !index.key.some(({ path }) => demandsPresence(bounds.get(path) ?? {}))) return false;
  return !index.partial || implies(condition, index.partial.condition);
}

interface Ask {
  collection: Collection;
  index: Index;
  bounds: Map<string, Bounds>;
  order: Order;
  isForced: boolean;
}

const CONSTRAINED = 10;

function planFor({ collection, index, bounds, order, isForced }: Ask): Candidate | undefined {
  const { ranges, points, used } = index.id === 0 ? idRanges(collection, bounds) : entryRanges(index, bounds);
  const isOrdered = !index.multikey && !index.cut && collection.indexes[0]?.cut !== true;
  const direction = isOrdered ? directionOf({ index, order, fixed: ranges.length <= 1 ? points : 0 }) : undefined;
  const isUseful = used > 0 || (order.length > 0 && direction !== undefined);
  if (!isUseful && !isForced) return undefined;
  const isExact = index.unique && points === index.key.length;
  const score =
    used * CONSTRAINED + points * 4 + (isExact ? 50 : 0) + (direction !== undefined && order.length > 0 ? 7 : 0);
  const sorted = order.length === 0 || ranges.length === 0 || direction !== undefined;
  return { score, plan: { steps: [{ index, ranges }], reverse: direction === -1, sorted, repeats: index.multikey } };
}

/**
 * The direction in which the index gives the order asked for, if it does. The first `fixed` paths have one value each, so they
 * may be left out of the order; entries with equal values follow each other by `_id`.
 */
function directionOf({ index, order, fixed }: { index: Index; order: Order; fixed: number }): 1 | -1 | undefined {
  const keys = index.id === 0 ? index.key : [...index.key, { path: '_id', direction: 1 as const }];
  const pinned = new Set(keys.slice(0, fixed).map(({ path }) => path));
  let turn: number | undefined;
  let at = fixed;
  for (const { path, direction } of order) {
    if (pinned.has(path)) continue;
    const key = keys[at++];
    if (key?.path !== path) return undefined;
    turn ??= direction * key.direction;
    if (turn !== direction * key.direction) return undefined;
    // After `_id` nothing is left to be ordered.
    if (path === '_id' && (index.id === 0 || at === keys.length)) break;
  }
  return turn === -1 ? -1 : 1;
}

/** A plan for `$or`: every alternative by an index of its own, or none at all. */
function planAlternatives(collection: Collection, condition: Condition, order: Order): Plan | undefined {
  for (const part of conjunctsOf(condition)) {
    if (part.kind !== 'or') continue;
    const plans = part.children.map((child) => choosePlan(collection, { condition: child }));
    const steps = plans.flatMap((plan) => plan.steps);
    if (steps.length > MAX_RANGES || steps.some(({ index }) => !index)) continue;
    return { steps, reverse: false, sorted: order.length === 0, repeats: true };
  }
  return undefined;
}
