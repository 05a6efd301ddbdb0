import { isDoc, isNumeric, isTruthy, type Doc, type Value } from './bson-types.ts';
import { MongoError, unsupported } from './errors.ts';
import { compileExpression, compileLiteral, isOutsideExpression, type Expression } from './expression.ts';
import { parseFieldPath } from './field-path.ts';

/** Shapes a document. */
export type Projection = (doc: Doc) => Doc;

/** Compiles a projection, of find or of `$project`: include, exclude, or fields made from paths and literals; an empty one keeps all. */
export function compileProjection(spec: Doc): Projection {
  if (spec.size === 0) return (doc) => doc;
  const parsed = new ProjectionParser();
  parsed.addAll(spec, []);
  const root = parsed.finish();
  return parsed.mode === 'exclude' ? (doc) => exclude(doc, root) : (doc) => include(doc, root);
}

/** The tree of a projection: fields that are meant themselves, made anew, or entered. */
interface Node {
  readonly fields: Map<string, Node | Expression | 'whole'>;
  /** Some field below is made by an expression. */
  computes: boolean;
}

const newNode = (): Node => ({ fields: new Map(), computes: false });

class ProjectionParser {
  mode: 'include' | 'exclude' | undefined;
  private readonly root = newNode();
  private id: boolean | undefined;

  addAll(spec: Doc, prefix: readonly string[]): void {
    for (const [path, value] of spec) {
      if (path.endsWith('.$')) throw unsupported('The positional $ in a projection');
      this.add([...prefix, ...parseFieldPath(path)], value);
    }
  }

  private add(parts: readonly string[], value: Value): void {
    if (typeof value === 'boolean' || isNumeric(value)) this.addFlag(parts, isTruthy(value));
    else if (!isDoc(value)) this.addComputed(parts, compileExpression(value));
    else this.addDocument(parts, value);
  }

  private addDocument(parts: readonly string[], value: Doc): void {
    const [first] = value.keys();
    if (first === undefined) throw new MongoError(51270, 'An empty sub-projection is not a valid value');
    if (!first.startsWith('$')) this.addAll(value, parts);
    else if (first === '$literal' && value.size === 1) this.addComputed(parts, compileLiteral(value));
    else if (isOutsideExpression(first) || first === '$elemMatch') throw unsupported(`${first} in a projection`);
    else throw new MongoError(31325, `Invalid $project :: Unknown expression ${first}`);
  }

  private addFlag(parts: readonly string[], isIncluded: boolean): void {
    const path = parts.join('.');
    if (path === '_id') {
      this.id = isIncluded;
      return;
    }
    const mode = isIncluded ? 'include' : 'exclude';
    if (this.mode !== undefined && this.mode !== mode) {
      throw isIncluded
        ? new MongoError(31253, `Cannot do inclusion on field ${path} in exclusion projection`)
        : new MongoError(31254, `Cannot do exclusion on field ${path} in inclusion projection`);
    }
    this.mode = mode;
    this.put(parts, 'whole');
  }

  private addComputed(parts: readonly string[], expression: Expression): void {
    if (this.mode === 'exclude') throw new MongoError(31310, `Cannot use an expression in an exclusion projection`);
    this.mode = 'include';
    this.put(parts, expression);
  }

  private put(parts: readonly string[], leaf: Expression | 'whole'): void {
    let node = this.root;
    for (const part of parts.slice(0, -1)) {
      node.computes ||= leaf !== 'whole';
      const next = node.fields.get(part) ?? newNode();
      if (typeof next !== 'object') throw new MongoError(31249, `Path collision at ${parts.join('.')}`);
      node.fields.set(part, next);
      node = next;
    }
    node.computes ||= leaf !== 'whole';
    const last = parts.at(-1) ?? '';
    if (node.fields.has(last)) throw new MongoError(31250, `Path collision at ${parts.join('.')}`);
    node.fields.set(last, leaf);
  }

  finish(): Node {
    this.mode ??= this.id === false ? 'exclude' : 'include';
    // An included _id is included anyway, and an excluded one is all that an exclusion can say of it.
    if (this.mode === 'exclude' ? this.id === false : this.id !== false && !this.root.fields.has('_id')) {
      this.root.fields.set('_id', 'whole');
    }
    return this.root;
  }
}

function exclude(doc: Doc, node: Node): Doc {
  const result: Doc = new Map();
  for (const [name, value] of doc) {
    const field = node.fields.get(name);
    if (field === undefined) result.set(name, value);
    else if (typeof field === 'object') result.set(name, excludeWithin(value, field));
  }
  return result;
}

function excludeWithin(value: Value, node: Node): Value {
  if (isDoc(value)) return exclude(value, node);
  return Array.isArray(value) ? value.map((item) => excludeWithin(item, node)) : value;
}

function include(doc: Doc, node: Node): Doc {
  return includeFields(doc, node, doc);
}

/** Included fields keep the document's order; made ones follow in the projection's. */
function includeFields(doc: Doc, node: Node, root: Doc): Doc {
  const result: Doc = new Map();
  for (const [name, value] of doc) {
    const field = node.fields.get(name);
    if (field === 'whole') result.set(name, value);
    else if (typeof field === 'object') {
      const within = includeWithin(value, field, root);
      if (within !== undefined) result.set(name, within);
    }
  }
  if (node.computes) computeFields(result, node, root);
  return result;
}

function computeFields(result: Doc, node: Node, root: Doc): void {
  for (const [name, field] of node.fields) {
    if (typeof field === 'function') {
      const value = field(root);
      if (value !== undefined) result.set(name, value);
    } else if (typeof field === 'object' && field.computes && !result.has(name)) {
      result.set(name, computed(field, root));
    }
  }
}

/** What stands where no document is: nothing, or a document of all that is made there. */
function includeWithin(value: Value, node: Node, root: Doc): Value | undefined {
  if (isDoc(value)) return includeFields(value, node, root);
  if (!Array.isArray(value)) return node.computes ? computed(node, root) : undefined;
  return value.flatMap((item) => {
    const within = includeWithin(item, node, root);
    // A nested array must stay one value.
    return within === undefined ? [] : [within];
  });
}

function computed(node: Node, root: Doc): Doc {
  const result: Doc = new Map();
  computeFields(result, node, root);
  return result;
}
