/** A start tag of a page, with its attributes decoded, and where in the source it stood. */
export interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly start: number;
  readonly end: number;
}

/** A form of a page: where it posts to, and what a browser would send if nobody typed anything. */
export interface Form {
  readonly action: string;
  readonly method: 'get' | 'post';
  readonly hidden: ReadonlyMap<string, string>;
  readonly fieldNames: ReadonlySet<string>;
  readonly tags: readonly Tag[];
}

const NAMED = new Map(Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' }));
const TAG = /<!--[\s\S]*?-->|<(\/?)([a-z][^\s/>]*)((?:"[^"]*"|'[^']*'|[^'">])*)>/gi;
const ATTRIBUTE = /([^\s=/"'>]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g;
// Text inside these is not markup: a "<form>" in a script or a comment is no form.
const RAW_TEXT = new Set(['script', 'style', 'textarea', 'title']);

/** Decodes the character references that a server-rendered page uses. */
export function decodeEntities(text: string): string {
  return text.replace(
    /&(?:#(\d+)|#x([\da-f]+)|([a-z]+));/gi,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      return NAMED.get(name?.toLowerCase() ?? '') ?? whole;
    },
  );
}

/** Every start tag of a page in order; end tags are given by `closes`, for those who need the nesting. */
export function readTags(html: string): (Tag & { closes: boolean })[] {
  const tags: (Tag & { closes: boolean })[] = [];
  const scanner = new RegExp(TAG);
  for (let match = scanner.exec(html); match; match = scanner.exec(html)) {
    const [whole, slash, rawName, rawAttributes = ''] = match;
    if (rawName === undefined) continue;
    const name = rawName.toLowerCase();
    const closes = slash === '/';
    tags.push({
      name,
      attributes: readAttributes(rawAttributes),
      start: match.index,
      end: match.index + whole.length,
      closes,
    });
    if (closes || !RAW_TEXT.has(name)) continue;
    const end = html.toLowerCase().indexOf(`</${name}`, scanner.lastIndex);
    scanner.lastIndex = end < 0 ? html.length : end;
  }
  return tags;
}

function readAttributes(source: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = '', double, single, bare] of source.matchAll(ATTRIBUTE)) {
    const key = name.toLowerCase();
    // The first of two equal attributes counts, as in a browser.
    if (!attributes.has(key)) attributes.set(key, decodeEntities(double ?? single ?? bare ?? ''));
  }
  return attributes;
}

/** The forms of a page; fields outside that name a form with `form=` belong to it. */
export function readForms(html: string): Form[] {
  const groups: { tag: Tag; tags: Tag[] }[] = [];
  const strays: Tag[] = [];
  let open: { tag: Tag; tags: Tag[] } | undefined;
  for (const tag of readTags(html)) {
    if (tag.name === 'form') {
      open = tag.closes ? undefined : { tag, tags: [] };
      if (open) groups.push(open);
    } else if (!tag.closes) {
      if (tag.attributes.has('form')) strays.push(tag);
      else open?.tags.push(tag);
    }
  }
  for (const stray of strays) {
    const owner = groups.find(({ tag }) => tag.attributes.get('id') === stray.attributes.get('form'));
    owner?.tags.push(stray);
  }
  return groups.map(({ tag, tags }) => describeForm(tag, tags));
}

function describeForm(form: Tag, tags: readonly Tag[]): Form {
  const fields = tags.filter(({ name, attributes }) => FIELDS.has(name) && attributes.has('name'));
  const hidden = fields.filter(({ name, attributes }) => name === 'input' && attributes.get('type') === 'hidden');
  const pair = ({ attributes }: Tag): [string, string] => [attributes.get('name') ?? '', attributes.get('value') ?? ''];
  return {
    action: form.attributes.get('action') ?? '',
    method: form.attributes.get('method')?.toLowerCase() === 'post' ? 'post' : 'get',
    hidden: new Map(hidden.map(pair)),
    fieldNames: new Set(fields.map((tag) => pair(tag)[0])),
    tags,
  };
}

const FIELDS = new Set(['input', 'select', 'textarea', 'button']);

/** What a reader sees, roughly: no tags, no scripts, white space folded. */
export function readText(html: string): string {
  const visible = html
    .replace(/<!--[\s\S]*?-->|<(script|style|head)\b[\s\S]*?<\/\1\s*>/gi, ' ')
    .replace(new RegExp(TAG), ' ');
  return decodeEntities(visible).replace(/\s+/g, ' ').trim();
}
