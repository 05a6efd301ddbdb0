import assert from 'node:assert';
import { BSONRegExp, Int32, Long } from 'bson';
import fc from 'fast-check';
import { MongoError } from '../errors.ts';
import { compileFilter } from '../match.ts';
import { compilePattern } from '../pattern.ts';
import { compilePipeline, distinctValues } from '../pipeline.ts';
import { compileSort, sortSteps, type Step } from '../sort.ts';
import { applyUpsert, compileUpdate } from '../update.ts';
import { encode, toDoc, toNumber, toValue, type Doc, type Value } from '../values.ts';

const NOW = new Date(0);
const refuses = (code: number, run: () => unknown): void => {
  assert.throws(run, (error) => error instanceof MongoError && error.code === code, `code ${code}`);
};

describe('Regular expressions of the embedded store', () => {
  it('match as PCRE does where JavaScript would not', () => {
    const cases: [string, string, string, boolean][] = [
      ['a$', '', 'a\n', true],
      ['a$', '', 'a\n\n', false],
      ['a\\z', '', 'a\n', false],
      ['^b', 'm', 'a\nb', true],
      ['^$', 'm', 'a\n', false],
      ['^b', 'm', 'a\rb', false],
      ['a.b', '', 'a\rb', true],
      ['a.b', '', 'a\nb', false],
      ['a.b', 's', 'a\nb', true],
      ['\\s', '', '\u00a0', false],
      ['^.$', '', '😀', true],
      ['(?i)ABC', '', 'xabcx', true],
      ['a b # c', 'x', 'ab', true],
      ['^[]a]+$', '', ']a]', true],
      ['[[:digit:]-]+', '', '-', true],
      ['\\w', 'i', '\u212a', false],
      ['[\\w.]+@', 'i', 'A.b@', true],
      ['{a}', '', '{a}', true],
      ['a{2}', '', 'aa', true],
      ['\\x41\\x{42}', '', 'AB', true],
    ];
    for (const [pattern, options, subject, expected] of cases) {
      assert.strictEqual(
        compilePattern(pattern, options).regexp.test(subject),
        expected,
        `/${pattern}/${options} on ${subject}`,
      );
    }
  });

  it('are refused where JavaScript cannot say the same, and are errors where PCRE says so', () => {
    for (const pattern of ['(a)\\1', '(?<=a)b', '(?>a)', 'a++', '\\Qa\\E', 'a(?i)b', '^*', '[\\d-z]']) {
      refuses(238, () => compilePattern(pattern, ''));
    }
    for (const pattern of ['(', ')', '[a', '*a', 'a|*', 'a\\', '[z-a]', 'a{2,1}']) {
      refuses(51091, () => compilePattern(pattern, ''));
    }
    refuses(51108, () => compilePattern('a', 'g'));
  });

  it('give the beginning of every match, for the index', () => {
    const prefixes: [string, string | undefined][] = [
      ['^abc', 'abc'],
      ['^ab*', 'a'],
      ['^a\\.b', 'a.b'],
      ['^a|b', undefined],
      ['abc', undefined],
      ['^ab?', 'a'],
      ['^ab{0}', 'a'],
      ['^a+b', 'a'],
      ['^😀?', undefined],
    ];
    for (const [pattern, prefix] of prefixes) assert.strictEqual(compilePattern(pattern, '').prefix, prefix, pattern);
    assert.strictEqual(compilePattern('^abc', 'i').prefix, undefined);
  });
});

describe('Filters and updates of the embedded store', () => {
  it('are compiled or refused with a code, whatever they say', () => {
    const word = fc.constantFrom(
      'a',
      'a.b',
      '$set',
      '$push',
      '$each',
      '$and',
      '$or',
      '$in',
      '$not',
      '$elemMatch',
      '$gt',
      '$all',
      '$type',
      '$',
      '',
      'a.$',
      '$sort',
      '$group',
      '_id',
      '$match',
      '$project',
    );
    const { anything } = fc.letrec<{ anything: Value; doc: Doc }>((tie) => ({
      anything: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom<Value>(null, true, 'a', '$a', new Int32(1), new BSONRegExp('a', 'i')),
        fc.array(tie('anything'), { maxLength: 2 }),
        tie('doc'),
      ),
      doc: fc.array(fc.tuple(word, tie('anything')), { maxLength: 2 }).map((fields) => new Map(fields)),
    }));
    const document = toDoc({ _id: 1, a: [{ b: 1 }, 'a', [1]] });
    const answersWithCode = (run: () => unknown): void => {
      try {
        run();
      } catch (error) {
        if (!(error instanceof MongoError)) throw error;
      }
    };
    fc.assert(
      fc.property(anything, (input) => {
        if (input instanceof Map) answersWithCode(() => compileFilter(input).position(document));
        answersWithCode(() => compileUpdate(input).apply(document, { position: 0, now: NOW }));
        if (Array.isArray(input)) answersWithCode(() => [...compilePipeline(input).rest([document])]);
      }),
      { numRuns: 3000 },
    );
  });

  it('leave the document alone that an update is applied to', () => {
    const before = toDoc({ _id: 1, list: [3, 1], inner: { n: 1 }, gone: 1 });
    const bytes = encode(before);
    const update = compileUpdate(
      toValue({
        $push: { list: { $each: [2], $sort: 1 } },
        $inc: { 'inner.n': 1, 'new.deep': 1 },
        $unset: { gone: '' },
      }),
    );
    const { doc, modified } = update.apply(before, { now: NOW });
    assert(modified);
    assert.deepStrictEqual(encode(doc), encode(toDoc({ _id: 1, list: [1, 2, 3], inner: { n: 2 }, new: { deep: 1 } })));
    assert.deepStrictEqual(encode(before), bytes);
  });

  it('refuse a positional $ that two conditions put in different places', () => {
    const filter = compileFilter(toDoc({ 'a.x': 1, 'a.y': 2 }));
    assert.strictEqual(filter.position(toDoc({ a: [{ x: 0 }, { x: 1, y: 2 }] })), 1);
    refuses(238, () => filter.position(toDoc({ a: [{ x: 1 }, { y: 2 }] })));
  });

  it('refuse an upsert whose seed depends on how MongoDB rewrites the filter', () => {
    const update = compileUpdate(toDoc({ $set: { b: 1 } }));
    for (const filter of [{ $or: [{ a: 1 }, { a: 1 }] }, { a: { $not: { $ne: 1 } } }, { $nor: [{ a: { $ne: 1 } }] }]) {
      refuses(238, () => applyUpsert(compileFilter(toDoc(filter)), update, NOW));
    }
  });
});

describe('Pipelines of the embedded store', () => {
  const numbers = (count: number): Step[] =>
    Array.from({ length: count }, (_, i) => toDoc({ _id: i, n: (i * 7919) % 10_007 }));
  const sorted = (steps: Iterable<Step>): number[] =>
    [...steps].filter((step) => step !== undefined).map((step) => toNumber(step.get('n')));

  it('sort many documents, whole or the first few', () => {
    const source = numbers(5000);
    const sort = compileSort(toDoc({ n: 1 }));
    const expected = sorted(source).sort((a, b) => a - b);
    assert.deepStrictEqual(sorted(sortSteps(source, sort)), expected);
    assert.deepStrictEqual(sorted(sortSteps(source, sort, 20)), expected.slice(0, 20));
    const descending = compileSort(toDoc({ n: -1 }));
    assert.deepStrictEqual(sorted(sortSteps(source, descending, 700)), expected.reverse().slice(0, 700));
  });

  it('end a sort at 100 MB with code 292, but keep the first few of as much', () => {
    const filling = 'x'.repeat(1_000_000);
    const large = Array.from({ length: 110 }, (_, i) => toDoc({ _id: i, filling }));
    const sort = compileSort(toDoc({ _id: -1 }));
    refuses(292, () => [...sortSteps(large, sort)]);
    assert.strictEqual([...sortSteps(large, sort, 3)].filter((step) => step !== undefined).length, 3);
  });

  it('give what a find could have done to the planner, and keep the rest', () => {
    const stages = toValue([{ $match: { n: 1 } }, { $sort: { n: 1 } }, { $skip: 1 }, { $limit: 2 }, { $count: 'all' }]);
    assert(Array.isArray(stages));
    const { head, rest } = compilePipeline(stages);
    assert(head.match && head.sort);
    assert.deepStrictEqual([head.skip, head.limit], [1, 2]);
    assert.deepStrictEqual([...rest(numbers(3))].at(-1), new Map([['all', new Int32(3)]]));
  });

  it('sum int64 without loss and grow into double beyond', () => {
    const stages = toValue([{ $group: { _id: null, s: { $sum: '$n' } } }]);
    assert(Array.isArray(stages));
    const sumOf = (...values: Value[]): Value | undefined =>
      [...compilePipeline(stages).rest(values.map((n) => new Map([['n', n]])))].at(-1)?.get('s');
    assert.deepStrictEqual(sumOf(Long.fromBigInt(2n ** 62n + 1n), new Int32(1)), Long.fromBigInt(2n ** 62n + 2n));
    assert.deepStrictEqual(sumOf(Long.fromBigInt(2n ** 53n + 1n)), Long.fromBigInt(2n ** 53n + 1n));
    assert.deepStrictEqual(sumOf(new Int32(2 ** 31 - 1), new Int32(1)), Long.fromNumber(2 ** 31));
    assert.deepStrictEqual(toNumber(sumOf(Long.MAX_VALUE, Long.MAX_VALUE)), 2 ** 64);
  });

  it('see the elements of arrays one by one in distinct', () => {
    const doc = toDoc({ a: [{ b: 1 }, { b: [2, 3] }, 4] });
    assert.deepStrictEqual(distinctValues(doc, 'a.b').map(toNumber), [1, 2, 3]);
    assert.deepStrictEqual(distinctValues(doc, 'a.1.b').map(toNumber), [2, 3]);
  });
});
