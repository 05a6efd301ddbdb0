import { badValue, MongoError, unsupported } from './errors.ts';

/** A regular expression as MongoDB takes it, translated to JavaScript. */
export interface Pattern {
  readonly source: string;
  readonly options: string;
  readonly regexp: RegExp;
  /** Every match begins with this text: a range of an index holds them all. */
  readonly prefix: string | undefined;
}

/** Compiles a PCRE pattern. What JavaScript would read differently is rewritten, or refused where it cannot be. */
export function compilePattern(source: string, options: string): Pattern {
  const wrong = /[^imsxu]/.exec(options);
  if (wrong) throw new MongoError(51108, `invalid flag in regex options: ${wrong[0]}`);
  if (source.includes('\0')) throw badValue('Regular expression cannot contain an embedded null byte');
  const inline = /^\(\?([imsx]+)\)/.exec(source);
  const flags = new Set(options + (inline?.[1] ?? ''));
  const text = new Translation(source.slice(inline?.[0].length ?? 0), flags).run();
  if (mayExplode(text)) throw unsupported('A regular expression that repeats a repetition or a choice');
  try {
    const regexp = new RegExp(text, flags.has('i') ? 'ui' : 'u');
    return { source, options, regexp, prefix: flags.size === 0 ? literalPrefix(source) : undefined };
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : 'it does not compile');
  }
}

interface Group {
  /** It holds something that can match one text in several ways. */
  isLoose: boolean;
}

/**
 * True where a group with a repetition or a choice inside is repeated without bound: JavaScript tries every way to match such a
 * pattern, and nothing can interrupt it (MongoDB's engine has a limit of steps).
 */
function mayExplode(text: string): boolean {
  const open: Group[] = [{ isLoose: false }];
  const tokens = text.matchAll(/\\.|\[(?:\\.|[^\]\\])*\]|\(|\)|\||[*+]|\{\d+(,\d*)?\}|[^]/gsu);
  let last: Group | undefined;
  for (const [token, range] of tokens) {
    const inner = open.at(-1) ?? { isLoose: false };
    const isUnbounded = token === '*' || token === '+' || range === ',';
    if (isUnbounded && last?.isLoose) return true;
    if (isUnbounded || token === '|') inner.isLoose = true;
    last = undefined;
    if (token === '(') open.push({ isLoose: false });
    else if (token === ')') {
      last = open.pop();
      const outer = open.at(-1);
      if (outer && last?.isLoose) outer.isLoose = true;
    }
  }
  return false;
}

function invalid(why: string): MongoError {
  return new MongoError(51091, `Regular expression is invalid: ${why}`);
}

/** The text after `^` up to the first character that is more than itself. */
function literalPrefix(source: string): string | undefined {
  if (!source.startsWith('^') || source.includes('|')) return undefined;
  const literal = /^\^((?:[^\\^$.?*+()[\]{}]|\\[^A-Za-z0-9])*)/u.exec(source);
  let prefix = literal?.[1] ?? '';
  if (/^[?*{]/.test(source.slice(prefix.length + 1))) prefix = prefix.replace(/\\?.$/su, '');
  prefix = prefix.replace(/\\(.)/gsu, '$1');
  return prefix === '' ? undefined : prefix;
}

// PCRE without UCP: these are ASCII, and a line ends at \n alone.
const CLASSES: ReadonlyMap<string, string> = new Map([
  ['d', '0-9'],
  ['w', 'A-Za-z0-9_'],
  ['s', ' \\t\\n\\v\\f\\r'],
  ['h', '\\t \\u00a0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000'],
  ['v', '\\n\\v\\f\\r\\u0085\\u2028\\u2029'],
]);
const NEGATED: ReadonlyMap<string, string> = new Map([
  ['D', '\\x00-/:-\\u{10ffff}'],
  ['W', '\\x00-/:-@\\[-\\^`\\{-\\u{10ffff}'],
  ['S', '\\x00-\\x08\\x0e-\\x1f!-\\u{10ffff}'],
]);
const POSIX: ReadonlyMap<string, string> = new Map([
  ['alpha', 'A-Za-z'],
  ['digit', '0-9'],
  ['alnum', 'A-Za-z0-9'],
  ['upper', 'A-Z'],
  ['lower', 'a-z'],
  ['space', ' \\t\\n\\v\\f\\r'],
  ['blank', ' \\t'],
  ['punct', '!-\\/:-@\\[-`\\{-~'],
  ['xdigit', '0-9A-Fa-f'],
  ['word', 'A-Za-z0-9_'],
]);
const CONTROLS: ReadonlyMap<string, string> = new Map([
  ['t', '\\t'],
  ['n', '\\n'],
  ['r', '\\r'],
  ['f', '\\f'],
  ['a', '\\x07'],
  ['e', '\\x1b'],
]);
const ANY = '[\\s\\S]';
const START = `(?<!${ANY})`;
const END = `(?!${ANY})`;
// The long s and the Kelvin sign: ignoring case they are letters of ASCII, but no word characters to PCRE.
const FOLDS_TO_ASCII = '[\\u017f\\u212a]';
const WORD = 'A-Za-z0-9_';
const FOLDED_WORD = `(?:(?!${FOLDS_TO_ASCII})[${WORD}])`;
const BEHIND_WORD = `(?<=${FOLDED_WORD})`;
const FOLDED_BOUNDARIES = {
  b: `(?:${BEHIND_WORD}(?!${FOLDED_WORD})|(?<!${FOLDED_WORD})(?=${FOLDED_WORD}))`,
  B: `(?:${BEHIND_WORD}(?=${FOLDED_WORD})|(?<!${FOLDED_WORD})(?!${FOLDED_WORD}))`,
};
const BEFORE_LAST_LINE_END = `(?=\\n?${END})`;

/** One pass over a pattern, from left to right. */
class Translation {
  private readonly source: string;
  private readonly flags: ReadonlySet<string>;
  private at = 0;
  private out = '';
  private depth = 0;
  /** What a quantifier here would apply to. */
  private last: 'nothing' | 'atom' | 'assertion' | 'quantifier' = 'nothing';

  constructor(source: string, flags: ReadonlySet<string>) {
    this.source = source;
    this.flags = flags;
  }

  run(): string {
    while (this.at < this.source.length) this.step();
    if (this.depth > 0) throw invalid('missing closing parenthesis');
    return this.out;
  }

  /** Takes the text that matches here, or undefined. */
  private accept(pattern: RegExp): RegExpExecArray | undefined {
    const sticky = new RegExp(pattern.source, 'suy');
    sticky.lastIndex = this.at;
    const found = sticky.exec(this.source);
    if (found) this.at += found[0].length;
    return found ?? undefined;
  }

  private atom(text: string): void {
    this.out += text;
    this.last = 'atom';
  }

  private assertion(text: string): void {
    this.out += text;
    this.last = 'assertion';
  }

  private step(): void {
    if (this.flags.has('x') && this.accept(/\s+|#[^\n]*/)) return;
    if (this.accept(/\\/)) this.escape();
    else if (this.accept(/\(/)) this.group();
    else if (this.accept(/\)/)) this.closeGroup();
    else if (this.accept(/\[/)) this.atom(this.characterClass());
    else if (this.accept(/\./)) this.atom(this.flags.has('s') ? ANY : '[^\\n]');
    else if (this.accept(/\^/)) this.assertion(this.flags.has('m') ? `(?:${START}|(?<=\\n)(?=${ANY}))` : START);
    else if (this.accept(/\$/)) this.assertion(this.flags.has('m') ? `(?=\\n|${END})` : BEFORE_LAST_LINE_END);
    else if (this.accept(/\|/)) {
      this.out += '|';
      this.last = 'nothing';
    } else this.quantifierOrLiteral();
  }

  private quantifierOrLiteral(): void {
    const quantifier = this.accept(/[*+?]|\{\d+(?:,\d*)?\}/);
    if (!quantifier) {
      if (this.accept(/(?=\{\s*,?\s*\d[\d\s,]*\})/))
        throw unsupported('This kind of quantifier in a regular expression');
      this.atom(literal(this.accept(/./)?.[0] ?? ''));
      return;
    }
    if (this.last === 'nothing') throw invalid('quantifier does not follow a repeatable item');
    if (this.last !== 'atom' || this.accept(/\+/)) throw unsupported(`${quantifier[0]} here in a regular expression`);
    this.out += quantifier[0] + (this.accept(/\?/) ? '?' : '');
    this.last = 'quantifier';
  }

  private group(): void {
    if (this.accept(/\?#[^)]*\)/)) return;
    const opening = this.accept(/\?(?::|=|!|P?<[A-Za-z_]\w*>|'[A-Za-z_]\w*')/)?.[0] ?? '';
    if (this.accept(/(?=[?*])/)) {
      if (this.accept(/\?(?![A-Za-z<>|&+\-\d'^([*])/)) throw invalid('unrecognized character after (?');
      if (this.accept(/[?*]/)?.[0] === '*' && !this.accept(/(?=[A-Za-z:])/)) throw invalid('nothing to repeat');
      throw unsupported('This kind of group in a regular expression');
    }
    this.depth++;
    this.groups.push(/^\?[=!]/.test(opening) ? 'assertion' : 'atom');
    // A name only serves references, which are refused: a plain group will do.
    this.out += `(${/^\?[:=!]/.test(opening) ? opening : ''}`;
    this.last = 'nothing';
  }

  private readonly groups: ('atom' | 'assertion')[] = [];

  private closeGroup(): void {
    if (this.depth-- === 0) throw invalid('unmatched closing parenthesis');
    this.out += ')';
    this.last = this.groups.pop() ?? 'atom';
  }

  private escape(): void {
    const boundary = this.accept(/[bBAzZ]/)?.[0] as 'b' | 'B' | 'A' | 'z' | 'Z' | undefined;
    if (boundary === 'A') this.assertion(START);
    else if (boundary === 'z') this.assertion(END);
    else if (boundary === 'Z') this.assertion(BEFORE_LAST_LINE_END);
    else if (boundary !== undefined)
      this.assertion(this.flags.has('i') ? FOLDED_BOUNDARIES[boundary] : `\\${boundary}`);
    else if (this.accept(/W/)) this.atom(this.flags.has('i') ? `(?:${FOLDS_TO_ASCII}|[^${WORD}])` : `[^${WORD}]`);
    else if (this.accept(/w/)) this.atom(this.flags.has('i') ? FOLDED_WORD : `[${WORD}]`);
    else {
      const set = this.setEscape();
      this.atom(set === undefined ? this.characterEscape() : `[${set}]`);
    }
  }

  /** `\d` and its like, as the inside of a class. */
  private setEscape(): string | undefined {
    const negatedSpace = this.accept(/[HV]/);
    if (negatedSpace) throw unsupported(`\\${negatedSpace[0]} in a regular expression`);
    const property = this.accept(/([pP])(?:\{(\^?)([A-Z][a-z]?)\}|([A-Z]))/);
    if (property) {
      if (this.flags.has('i')) throw unsupported('\\p with the option i in a regular expression');
      const negative = (property[1] === 'P') !== (property[2] === '^');
      return `\\${negative ? 'P' : 'p'}{${property[3] ?? property[4] ?? ''}}`;
    }
    const letter = this.accept(/[dwshvDWS]/)?.[0];
    return letter === undefined ? undefined : (CLASSES.get(letter) ?? NEGATED.get(letter));
  }

  private characterEscape(): string {
    const hex = this.accept(/x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/);
    if (hex) return literal(codePoint(parseInt(hex[1] ?? hex[2] ?? '', 16)));
    const control = this.accept(/[tnrfae]/)?.[0];
    if (control !== undefined) return CONTROLS.get(control) ?? '';
    const character = this.accept(/[^A-Za-z0-9]/)?.[0];
    if (character !== undefined) return literal(character);
    const letter = this.accept(/./)?.[0];
    if (letter === undefined) throw invalid('\\ at end of pattern');
    if (/[FIJLMTUYijlmquyz]/.test(letter)) throw invalid('unrecognized character follows \\');
    throw unsupported(`\\${letter} in a regular expression`);
  }

  private characterClass(): string {
    const negated = this.accept(/\^/) !== undefined;
    const start = this.at;
    let items = '';
    for (let first = true; first || !this.accept(/\]/); first = false) {
      if (this.at >= this.source.length) throw invalid('missing terminating ] for character class');
      items += this.classItem();
    }
    const wordSet = /\\([wW])/.exec(this.source.slice(start, this.at))?.[1];
    if (!this.flags.has('i') || wordSet === undefined) return `[${negated ? '^' : ''}${items}]`;
    if (wordSet === 'W') throw unsupported('\\W in a character class with the option i');
    return negated ? `(?:${FOLDS_TO_ASCII}|[^${items}])` : `(?:(?!${FOLDS_TO_ASCII})[${items}])`;
  }

  private classItem(): string {
    const set = this.classSet();
    if (set !== undefined) {
      if (this.accept(/(?=-[^\]])/)) throw unsupported('A hyphen after a set in a character class');
      return set;
    }
    const low = this.classCharacter();
    if (!this.accept(/-(?!\])/)) return low;
    if (this.classSet() !== undefined) throw unsupported('A hyphen before a set in a character class');
    return `${low}-${this.classCharacter()}`;
  }

  private classSet(): string | undefined {
    const posix = this.accept(/\[:(\w+):\]/);
    if (posix) {
      const set = POSIX.get(posix[1] ?? '');
      if (set === undefined) throw unsupported(`${posix[0]} in a regular expression`);
      return set;
    }
    if (this.accept(/(?=\[[:.=])/)) throw unsupported('[: here in a regular expression');
    const start = this.at;
    if (!this.accept(/\\/)) return undefined;
    const set = this.setEscape();
    if (set === undefined) this.at = start;
    return set;
  }

  private classCharacter(): string {
    if (!this.accept(/\\/)) {
      const character = this.accept(/./)?.[0];
      if (character === undefined) throw invalid('missing terminating ] for character class');
      return literal(character);
    }
    if (this.accept(/b/)) return '\\x08';
    return this.characterEscape();
  }
}

/** A character that stands for itself, wherever it is put. */
function literal(character: string): string {
  return /[A-Za-z0-9_ ]/.test(character) ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

function codePoint(number: number): string {
  if (number > 0x10ffff || (number >= 0xd800 && number < 0xe000)) throw invalid('character code point value too large');
  return String.fromCodePoint(number);
}
