import assert from 'node:assert';
import { Binary, Double, Int32, Long, ObjectId, serialize } from 'bson';
import fc from 'fast-check';
import { MongoError } from '../errors.ts';
import { compileFilter } from '../match.ts';
import { compare, decode, encode, equal, indexKey, leafValues, toDoc, typeRank, upperBound } from '../values.ts';
import type { Doc, Value } from '../values.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', 'a', 'ab', 'b', '\u0000', '\uffff', '😀', 'a\u0000b', 'x'.repeat(500), `${'x'.repeat(500)}y`),
);
const name = fc.oneof(
  fc.constantFrom('a', 'b', '0', '10', '__proto__', 'constructor', 'ключ'),
  fc.string({ maxLength: 3 }),
);
const number: fc.Arbitrary<Value> = fc.oneof(
  fc.integer().map((n) => new Int32(n)),
  fc
    .oneof(fc.double(), fc.constantFrom(0, -0, NaN, Infinity, 2 ** 53, 2 ** 63, -(2 ** 63), 1.5))
    .map((n) => new Double(n)),
  fc
    .oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.constantFrom(0n, 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)),
    )
    .map((n) => Long.fromBigInt(n)),
);
const scalar: fc.Arbitrary<Value> = fc.oneof(
  number,
  text,
  fc.constant(null),
  fc.boolean(),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => new ObjectId(bytes)),
  fc.uint8Array({ maxLength: 5 }).map((bytes) => new Binary(bytes, bytes.length % 2 === 0 ? 0 : 4)),
);
const { value } = fc.letrec<{ value: Value; doc: Doc }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, fc.array(tie('value'), { maxLength: 3 }), tie('doc')),
  doc: fc
    .uniqueArray(fc.tuple(name, tie('value')), { maxLength: 3, selector: ([key]) => key })
    .map((fields) => new Map(fields.filter(([key]) => !key.includes('\0')))),
}));
const doc = fc
  .array(fc.tuple(name, value), { maxLength: 4 })
  .map((fields): Doc => new Map(fields.filter(([key]) => !key.includes('\0'))));

describe('Values of the embedded store', () => {
  it('come out of the file byte for byte as they went in', () => {
    fc.assert(
      fc.property(doc, (original) => {
        const bytes = encode(original);
        assert.deepStrictEqual(encode(decode(bytes)), bytes);
      }),
    );
  });

  it('are written as the official library writes them', () => {
    const plain = { a: 1, b: 1.5, c: [null, true, 'é'], d: new Date(-1), e: { f: new ObjectId() }, g: Long.MIN_VALUE };
    assert.deepStrictEqual(encode(toDoc(plain)), Buffer.from(serialize(plain)));
  });

  it('keep types that are kept for others to use, and text that is no UTF-8, as their bytes', () => {
    const field = (type: number, ...payload: number[]): number[] => [type, 0x61, 0, ...payload];
    const string = [2, 0, 0, 0, 0xff, 0];
    for (const bytes of [
      field(6),
      field(2, ...string),
      field(13, ...string),
      field(14, ...string),
      field(9, ...Array<number>(7).fill(0), 0x7f),
      field(11, 0x62, 0, 0x71, 0),
      field(11, 0x62, 0, 0x69, 0),
      field(17, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff),
      field(19, ...Array<number>(16).fill(3)),
      field(127),
      field(255),
    ]) {
      const whole = Buffer.from([bytes.length + 5, 0, 0, 0, ...bytes, 0]);
      assert.deepStrictEqual(encode(decode(whole)), whole);
    }
  });

  it('are refused with code 22 when their bytes are damaged, never with anything else', () => {
    fc.assert(
      fc.property(doc, fc.nat(), fc.nat(255), fc.nat(), (original, at, byte, cut) => {
        const bytes = encode(original);
        bytes[at % bytes.length] = byte;
        for (const damaged of [bytes, bytes.subarray(0, cut % bytes.length)]) {
          try {
            decode(damaged);
          } catch (error) {
            assert(error instanceof MongoError, String(error));
            assert([15, 22, 238].includes(error.code), error.message);
          }
        }
      }),
    );
  });

  it('have one order', () => {
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        assert.strictEqual(Math.sign(compare(a, b)), 0 - Math.sign(compare(b, a)));
        assert(equal(a, a));
        if (compare(a, b) <= 0 && compare(b, c) <= 0) assert(compare(a, c) <= 0);
      }),
      { numRuns: 300 },
    );
  });

  it('have index keys in the same order, and equal ones where they are equal', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const order = Math.sign(compare(a, b));
        const exact = { cut: Infinity };
        assert.strictEqual(Math.sign(Buffer.compare(indexKey(a, exact), indexKey(b, exact))), order);
        const descending = { cut: Infinity, descending: true };
        assert.strictEqual(Math.sign(Buffer.compare(indexKey(b, descending), indexKey(a, descending))), order);
        // A cut key may no longer tell two values apart, but it never turns them round.
        const cut = Buffer.compare(indexKey(a, { cut: 8 }), indexKey(b, { cut: 8 }));
        assert(cut === 0 || Math.sign(cut) === order);
      }),
      { numRuns: 1000 },
    );
  });

  it('have index keys of which none is the beginning of another, so that parts of a key cannot run together', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [x, y] = [indexKey(a), indexKey(b)];
        if (!x.equals(y)) assert(!x.subarray(0, y.length).equals(y));
      }),
    );
  });

  it('are bounded from above by a key after all that begin alike', () => {
    assert.deepStrictEqual(upperBound(Buffer.from([1, 0xff])), Buffer.from([2]));
    assert.strictEqual(upperBound(Buffer.from([0xff, 0xff])), undefined);
  });

  it('are in the index under every key that a filter can find them by', () => {
    const path = fc.constantFrom('a', 'a.b', 'a.b.c', 'a.0');
    const few = fc.constantFrom<Value>('x', new Int32(1), new Double(1), Long.fromInt(2), true);
    const { nested } = fc.letrec<{ nested: Value; deeper: Doc }>((tie) => ({
      nested: fc.oneof({ depthSize: 'small' }, few, fc.array(tie('nested'), { maxLength: 2 }), tie('deeper')),
      deeper: fc
        .dictionary(fc.constantFrom('a', 'b', 'c'), tie('nested'), { maxKeys: 2 })
        .map((fields) => new Map(Object.entries(fields))),
    }));
    fc.assert(
      fc.property(path, nested, few, (where, inside, wanted) => {
        const document: Doc = new Map([['a', inside]]);
        if (!compileFilter(new Map([[where, wanted]])).matches(document)) return;
        assert(leafValues(document, where).values.some((found) => equal(found, wanted)));
      }),
      { numRuns: 1000 },
    );
  });

  it('compare an int64 with a double exactly', () => {
    const large = Long.fromBigInt(2n ** 53n + 1n);
    assert(compare(large, new Double(2 ** 53)) > 0);
    assert(Buffer.compare(indexKey(large), indexKey(new Double(2 ** 53))) > 0);
    assert(compare(Long.MAX_VALUE, new Double(2 ** 63)) < 0);
    assert.strictEqual(typeRank(large), typeRank(new Int32(1)));
  });
});
