import { isDeepStrictEqual } from 'node:util';
import { ObjectId } from 'bson';
import { MongoError, unsupported } from './errors.ts';
import { encode } from './bson-bytes.ts';
import { isDoc, typeCode, typeName, type Doc, type Value } from './bson-types.ts';
import { arrayIndex } from './keys.ts';
import type { Condition, Filter } from './match.ts';
import { compareStrings, equal } from './order.ts';
import { isOutsideModifier, MODIFIERS, REMOVE, type Change } from './modifiers.ts';

/** What an update needs to know beside the document. */
interface UpdateContext {
  /** What the positional `$` stands for: `Filter.position` of the document. */
  position?: number | undefined;
  now: Date;
  isUpsert?: boolean;
}

/** A compiled update. */
export interface Update {
  readonly kind: 'replacement' | 'operators';
  /** It has a positional `$`: the caller finds the position with the filter. */
  readonly isPositional: boolean;
  /** Answers a new document; the one given stays as it is. */
  apply(doc: Doc, context: UpdateContext): { doc: Doc; modified: boolean };
}

/** Compiles an update document; throws what MongoDB answers to a wrong one. */
export function compileUpdate(update: Value, options: { multi?: boolean } = {}): Update {
  if (Array.isArray(update)) throw unsupported('An update with a pipeline');
  if (!isDoc(update)) throw new MongoError(9, 'Update argument must be either an object or an array');
  const [first] = update.keys();
  return first?.startsWith('$') === true
    ? compileOperators(update)
    : compileReplacement(update, options.multi === true);
}

/** The document that an upsert inserts: what the filter's equalities say, then the update, `_id` first. */
export function applyUpsert(filter: Filter, update: Update, now: Date): Doc {
  const seed = upsertSeed(filter.condition, update.kind);
  const { doc } = update.apply(seed, { now, isUpsert: true });
  const given = doc.get('_id');
  const id = given === undefined ? new ObjectId() : given;
  checkId(id);
  return withIdFirst(doc, id);
}

/** Refuses what MongoDB does not take for an `_id`. */
function checkId(id: Value): void {
  if (Array.isArray(id) || typeCode(id) === 11 || typeCode(id) === 6) {
    throw new MongoError(53, `The '_id' value cannot be of type ${typeName(id)}`);
  }
  const dollar = isDoc(id) ? [...id.keys()].find((name) => name.startsWith('$')) : undefined;
  if (dollar !== undefined) throw new MongoError(52, `_id fields may not contain '$'-prefixed fields: ${dollar}`);
}

/** The same document with this `_id` as its first field. */
function withIdFirst(doc: Doc, id: Value): Doc {
  if (doc.keys().next().value === '_id' && doc.get('_id') === id) return doc;
  return new Map([['_id', id], ...[...doc].filter(([name]) => name !== '_id')]);
}

function compileReplacement(replacement: Doc, multi: boolean): Update {
  if (multi) throw new MongoError(9, 'multi update is not supported for replacement-style update');
  const dollar = [...replacement.keys()].find((name) => name.startsWith('$'));
  if (dollar !== undefined) {
    throw new MongoError(52, `The dollar ($) prefixed field '${dollar}' is not allowed in a replacement document`);
  }
  return {
    kind: 'replacement',
    isPositional: false,
    apply: (doc) => {
      const id = replacement.has('_id') ? replacement.get('_id') : doc.get('_id');
      const replaced = id === undefined ? new Map(replacement) : withIdFirst(replacement, id);
      checkIdKept(doc, replaced);
      return { doc: replaced, modified: !encode(doc).equals(encode(replaced)) };
    },
  };
}

function checkIdKept(before: Doc, after: Doc): void {
  const id = before.get('_id');
  if (id === undefined || equal(id, after.get('_id'))) return;
  throw new MongoError(66, "Performing an update on the path '_id' would modify the immutable field '_id'");
}

/** One field of one operator, ready to be applied. */
interface Modification {
  parts: readonly string[];
  /** For `$rename`: where the value comes from. */
  source?: readonly string[];
  onInsertOnly: boolean;
  change: Change;
}

function compileOperators(update: Doc): Update {
  const modifications: Modification[] = [];
  const claims = new Claims();
  for (const [name, fields] of update) {
    if (isOutsideModifier(name)) throw unsupported(name);
    const compile = MODIFIERS.get(name);
    if (!compile) throw new MongoError(9, `Unknown modifier: ${name}`);
    if (!isDoc(fields)) {
      throw new MongoError(9, `Modifiers operate on fields but we found type ${typeName(fields)} instead`);
    }
    for (const [path, argument] of fields) {
      const parts = checkPath(path);
      const modification: Modification =
        name === '$rename'
          ? compileRename(path, argument)
          : { parts, onInsertOnly: name === '$setOnInsert', change: compile(argument, path) };
      if (modification.source) claims.add(modification.source);
      claims.add(modification.parts);
      modifications.push(modification);
    }
  }
  modifications.sort(byPath);
  const isPositional = modifications.some(({ parts }) => parts.includes('$'));
  return {
    kind: 'operators',
    isPositional,
    apply: (doc, context) =>
      applyAll(isPositional ? withPosition(modifications, context) : modifications, doc, context),
  };
}

function compileRename(path: string, argument: Value): Modification {
  if (typeof argument !== 'string') throw new MongoError(2, `The 'to' field for $rename must be a string: ${path}`);
  const source = checkPath(path);
  const parts = checkPath(argument);
  if (path === argument || path.startsWith(`${argument}.`) || argument.startsWith(`${path}.`)) {
    throw new MongoError(2, `The source and target field for $rename must not be on the same path: ${path}`);
  }
  if (source.includes('$') || parts.includes('$')) {
    throw new MongoError(2, `The source and target field for $rename may not be dynamic: ${path}`);
  }
  return { parts, source, onInsertOnly: false, change: SET_NOTHING };
}

const SET_NOTHING: Change = { creates: false, apply: () => undefined };

function checkPath(path: string): readonly string[] {
  const parts = path.split('.');
  if (parts.includes('')) throw new MongoError(56, `The update path '${path}' contains an empty field name`);
  if (parts.some((part) => part.startsWith('$['))) throw unsupported('$[] in an update');
  if (parts[0] === '$')
    throw new MongoError(2, `Cannot have positional (i.e. '$') element in the first position: ${path}`);
  if (parts.filter((part) => part === '$').length > 1) {
    throw new MongoError(2, `Too many positional (i.e. '$') elements found in path '${path}'`);
  }
  const dollar = parts.find((part) => part.startsWith('$') && part !== '$');
  if (dollar !== undefined)
    throw new MongoError(52, `The dollar ($) prefixed field '${dollar}' in '${path}' is not allowed`);
  return parts;
}

/** The paths that an update touches: none may be, or lead through, another (code 40). */
class Claims {
  private readonly root: Claim = new Map();

  add(parts: readonly string[]): void {
    let claim = this.root;
    for (const [i, part] of parts.entries()) {
      const next = claim.get(part);
      const isLast = i === parts.length - 1;
      if (next !== undefined && (isLast || next.size === 0)) {
        throw new MongoError(
          40,
          `Updating the path '${parts.join('.')}' would create a conflict at '${parts.slice(0, i + 1).join('.')}'`,
        );
      }
      const deeper = next ?? new Map<string, Claim>();
      claim.set(part, deeper);
      claim = deeper;
    }
  }
}
/** Names below a path; a path that is itself updated has none. */
type Claim = Map<string, Claim>;

/** MongoDB applies, and so adds new fields, in the order of paths; array indexes count as numbers. */
function byPath(a: Modification, b: Modification): number {
  for (const [i, part] of a.parts.entries()) {
    const other = b.parts[i];
    if (other === undefined) return 1;
    const [x, y] = [arrayIndex(part), arrayIndex(other)];
    const order = x !== undefined && y !== undefined ? x - y : compareStrings(part, other);
    if (order !== 0) return order;
  }
  return a.parts.length - b.parts.length;
}

function withPosition(modifications: Modification[], { position }: UpdateContext): Modification[] {
  if (position === undefined) {
    throw new MongoError(2, 'The positional operator did not find the match needed from the query.');
  }
  const claims = new Claims();
  const placed = modifications.map((modification) => {
    const parts = modification.parts.map((part) => (part === '$' ? String(position) : part));
    if (modification.source) claims.add(modification.source);
    claims.add(parts);
    return { ...modification, parts };
  });
  return placed.sort(byPath);
}

function applyAll(modifications: Modification[], before: Doc, context: UpdateContext) {
  let doc = before;
  let modified = false;
  for (const modification of modifications) {
    if (modification.onInsertOnly && context.isUpsert !== true) continue;
    const after = modification.source ? rename(doc, modification) : edit(doc, modification, context.now);
    modified ||= after !== doc;
    doc = after;
  }
  if (modified) checkIdKept(before, doc);
  return { doc, modified };
}

function edit(doc: Doc, { parts, change }: Pick<Modification, 'parts' | 'change'>, now: Date): Doc {
  const edited = editAt(doc, { parts, change, now }, 0);
  return edited instanceof Map ? edited : doc;
}

interface Edit {
  parts: readonly string[];
  change: Change;
  now: Date;
}

/** Copies what lies on the path and leaves the rest shared; answers the same value when nothing changes. */
function editAt(node: Value, step: Edit, depth: number): Value {
  const part = step.parts[depth] ?? '';
  const index = Array.isArray(node) ? arrayIndex(part) : undefined;
  if (!isDoc(node) && index === undefined) {
    if (step.change.toleratesDeadEnds === true) return node;
    throw notViable(node, step.parts, depth);
  }
  const child = isDoc(node) ? node.get(part) : Array.isArray(node) ? node[index ?? 0] : undefined;
  const isLast = depth === step.parts.length - 1;
  if (child === undefined) return step.change.creates ? put(node, part, create(step, depth + 1)) : node;
  const edited = isLast ? step.change.apply(child, step.now) : editAt(child, step, depth + 1);
  if (edited === undefined || edited === child) return node;
  return edited === REMOVE ? remove(node, part) : put(node, part, edited);
}

function notViable(node: Value, parts: readonly string[], depth: number): MongoError {
  const place = parts.slice(0, depth).join('.');
  return new MongoError(28, `Cannot create field '${parts[depth] ?? ''}' in element {${place}: ${typeName(node)}}`);
}

/** What a path that does not exist yet begins with: documents down to the new value, never arrays. */
function create(step: Edit, depth: number): Value {
  if (depth < step.parts.length) return new Map([[step.parts[depth] ?? '', create(step, depth + 1)]]);
  const value = step.change.apply(undefined, step.now);
  return value === undefined || value === REMOVE ? null : value;
}

const MOST_PADDING = 1_500_000;

function put(node: Value, part: string, value: Value): Value {
  if (isDoc(node)) return new Map(node).set(part, value);
  const index = Number(part);
  const items = Array.isArray(node) ? [...node] : [];
  if (index > items.length + MOST_PADDING) throw unsupported(`An array with ${index} elements`);
  while (items.length < index) items.push(null);
  items[index] = value;
  return items;
}

function remove(node: Value, part: string): Value {
  if (!isDoc(node)) return put(node, part, null);
  const without = new Map(node);
  without.delete(part);
  return without;
}

function rename(doc: Doc, { parts, source = [] }: Modification): Doc {
  const value = findSource(doc, source);
  if (value === undefined) return doc;
  let target: Value | undefined = doc;
  for (const part of parts) {
    if (Array.isArray(target)) throw new MongoError(2, 'The destination field cannot be an array element');
    target = isDoc(target) ? target.get(part) : undefined;
  }
  const now = new Date(0);
  const moved = edit(doc, { parts, change: { creates: true, apply: () => value } }, now);
  return edit(moved, { parts: source, change: { creates: false, apply: () => REMOVE } }, now);
}

function findSource(doc: Doc, source: readonly string[]): Value | undefined {
  let node: Value | undefined = doc;
  let throughArray = false;
  for (const [depth, part] of source.entries()) {
    const index: number | undefined = Array.isArray(node) ? arrayIndex(part) : undefined;
    if (node === undefined) return undefined;
    if (!isDoc(node) && index === undefined) throw notViable(node, source, depth);
    throughArray ||= Array.isArray(node);
    node = isDoc(node) ? node.get(part) : Array.isArray(node) ? node[index ?? 0] : undefined;
  }
  if (throughArray && node !== undefined) throw new MongoError(2, 'The source field cannot be an array element');
  return node;
}

/** The fields that a filter's equalities give to the document an upsert inserts; a replacement takes only `_id`. */
function upsertSeed(condition: Condition, kind: Update['kind']): Doc {
  const equalities: { parts: readonly string[]; value: Value }[] = [];
  collectEqualities(condition, (path, value) => {
    if (kind === 'replacement' && path !== '_id') {
      if (path.startsWith('_id.')) throw new MongoError(111, `field at '_id' must be exactly specified, not '${path}'`);
      return;
    }
    const parts = path.split('.');
    if (equalities.some((other) => isPrefix(other.parts, parts) || isPrefix(parts, other.parts))) {
      throw new MongoError(54, `cannot infer query fields to set, path '${path}' is matched twice`);
    }
    equalities.push({ parts, value });
  });
  let seed: Doc = new Map();
  for (const { parts, value } of equalities) {
    seed = edit(seed, { parts, change: { creates: true, apply: () => value } }, new Date(0));
  }
  return seed;
}

function isPrefix(shorter: readonly string[], longer: readonly string[]): boolean {
  return shorter.every((part, i) => part === longer[i]);
}

function collectEqualities(condition: Condition, take: (path: string, value: Value) => void): void {
  if (condition.kind === 'and') for (const child of condition.children) collectEqualities(child, take);
  else if (condition.kind === 'compare' && condition.op === '$eq') take(condition.path, condition.value);
  else if (condition.kind === 'in' && condition.patterns.length === 0) {
    const [first, ...others] = condition.values;
    if (first !== undefined && others.every((other) => equal(other, first))) take(condition.path, first);
  } else if (hidesEquality(condition)) throw unsupported('An upsert with this kind of $or, $nor or $not in its filter');
}

/** Claims what versions of MongoDB do or do not reduce to an equality: the same thing twice in `$or`, a double negation. */
function hidesEquality(condition: Condition): boolean {
  if (condition.kind === 'or')
    return condition.children.every((child) => isDeepStrictEqual(child, condition.children[0]));
  if (condition.kind === 'not') return isNegation(condition.child);
  return condition.kind === 'nor' && condition.children.length === 1 && condition.children.every(isNegation);
}

function isNegation({ kind }: Condition): boolean {
  return kind === 'not' || kind === 'nor';
}
