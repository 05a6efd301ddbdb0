import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { totpCode } from '../../../../test/support/rfc-totp.ts';
import totp from '../index.ts';
import { maxAuthenticators } from '../set-up.ts';
import { stateAfterHint, stateAfterUse, unusedState } from '../state.ts';
import { checkCode, offsetMinutes, readCode, stepAt, windowSteps } from '../verify.ts';

const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const now = new Date('2026-11-22T10:00:10Z');
const nowStep = stepAt(now);
const unused = { lastStep: -1, hintedSteps: [] };
const codeAt = (stepOffset: number): string => totpCode({ secret, at: now, stepOffset });
const check = (stepOffset: number, used: { lastStep: number; hintedSteps: number[] } = unused) =>
  checkCode({ secret, code: codeAt(stepOffset), now, ...used });

describe('a code of an authenticator app', () => {
  it('is the one of RFC 6238 appendix B, to six digits', () => {
    const vectors: [number, string][] = [
      [59, '287082'],
      [1111111109, '081804'],
      [1111111111, '050471'],
      [1234567890, '005924'],
      [2000000000, '279037'],
      [20000000000, '353130'],
    ];
    for (const [seconds, code] of vectors) {
      const moment = new Date(seconds * 1000);
      assert.deepEqual(checkCode({ secret, code, now: moment, ...unused }), { outcome: 'right', step: stepAt(moment) });
    }
  });

  it('is right in its own step and the two beside it, and nowhere else', () => {
    for (const offset of [-1, 0, 1]) assert.deepEqual(check(offset), { outcome: 'right', step: nowStep + offset });
    for (const offset of [-25, -2, 2, 25]) assert.notEqual(check(offset).outcome, 'right', String(offset));
  });

  it('is right for any secret and moment that an independent authenticator computes it for', () => {
    const base32 = fc.array(fc.constantFrom(...Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')), {
      minLength: 32,
      maxLength: 32,
    });
    fc.assert(
      fc.property(
        base32,
        fc.integer({ min: 100, max: 4_000_000_000 }),
        fc.integer({ min: -1, max: 1 }),
        (letters, seconds, stepOffset) => {
          const moment = new Date(seconds * 1000);
          const code = totpCode({ secret: letters.join(''), at: moment, stepOffset });
          return checkCode({ secret: letters.join(''), code, now: moment, ...unused }).outcome === 'right';
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is refused once its step is used up, and so is every older one', () => {
    assert.deepEqual(check(0, { lastStep: nowStep, hintedSteps: [] }), { outcome: 'used' });
    assert.deepEqual(check(-1, { lastStep: nowStep, hintedSteps: [] }), { outcome: 'used' });
    assert.deepEqual(check(0, { lastStep: nowStep + 1, hintedSteps: [] }), { outcome: 'used' });
    assert.deepEqual(check(1, { lastStep: nowStep, hintedSteps: [] }), { outcome: 'right', step: nowStep + 1 });
  });

  it('is refused politely while the clock of the server stands before the last accepted step', () => {
    for (const offset of [-1, 0, 1, 2, 10]) {
      assert.deepEqual(check(offset, { lastStep: nowStep + 10, hintedSteps: [] }), { outcome: 'clock-behind' });
    }
  });

  it('may be typed with the spaces and dashes that people put into it', () => {
    for (const typed of ['287082', '287 082', ' 287082 ', '287-082', '287\u00a0082', '287\u2009082', '287\u202f082']) {
      assert.equal(readCode(typed), '287082');
    }
  });

  it('is nothing else than six ASCII digits', () => {
    const rubbish: unknown[] = [
      undefined,
      null,
      '',
      ' ',
      '-',
      '12345',
      '1234567',
      '12345a',
      'abcdef',
      '１２３４５６',
      '١٢٣٤٥٦',
      '12345६',
      '1e5000',
      '0x1234',
      '+12345',
      '12.345',
      '123456\n',
      '\t123456',
      '123456\u0000',
      '123456;',
      '12345\u200b6',
      '9'.repeat(10_240),
      ' '.repeat(10_240) + '123456',
      123456,
      true,
      ['123456'],
      ['123456', '123456'],
      { $gt: '' },
      { length: 6 },
      new String('123456'),
    ];
    for (const typed of rubbish) assert.equal(readCode(typed), null, inspect(typed).slice(0, 40));
  });
});

describe('the hint at a wrong clock', () => {
  it('tells how far a phone is fast or slow, up to ten minutes', () => {
    for (const offset of [2, 3, 8, 20, -3, -8, -20]) {
      const verdict = check(offset);
      assert.deepEqual(verdict, { outcome: 'clock-hint', offsetSteps: offset, matchedSteps: [nowStep + offset] });
    }
    for (const offset of [21, -21, 100]) assert.deepEqual(check(offset), { outcome: 'wrong' });
    assert.deepEqual([2, -3, 8, -20].map(offsetMinutes), [2, 2, 4, 10]);
  });

  it('is not given to a slow typist', () => {
    assert.deepEqual(check(-windowSteps - 1), { outcome: 'wrong' });
  });

  it('says nothing of codes that are used up', () => {
    assert.deepEqual(check(-8, { lastStep: nowStep - 8, hintedSteps: [] }), { outcome: 'wrong' });
    assert.deepEqual(check(-8, { lastStep: nowStep - 3, hintedSteps: [] }), { outcome: 'wrong' });
  });

  it('uses up the code that it speaks of, so that waiting for its time does not make it right', () => {
    const verdict = check(8);
    assert.ok(verdict.outcome === 'clock-hint');
    const state = stateAfterHint(unusedState('sealed'), { steps: verdict.matchedSteps, now });
    const later = new Date(now.getTime() + 8 * 30_000);
    assert.deepEqual(checkCode({ secret, code: codeAt(8), now: later, ...state }), { outcome: 'used' });
    assert.deepEqual(checkCode({ secret, code: codeAt(9), now: later, ...state }), {
      outcome: 'right',
      step: nowStep + 9,
    });
    assert.deepEqual(check(8, state), { outcome: 'wrong' }, 'and it is given once');
  });

  it('leaves a short list of used steps behind, however often it is given', () => {
    let state = unusedState('sealed');
    for (let step = nowStep; step < nowStep + 500; step += 1) {
      state = stateAfterHint(state, { steps: [step + 20, step - 5], now: new Date(step * 30_000) });
      assert.ok(state.hintedSteps.length <= 50, String(state.hintedSteps.length));
    }
  });
});

describe('the state of an authenticator', () => {
  it('holds the accepted step and forgets hints that it covers', () => {
    const hinted = { ...unusedState('old'), hintedSteps: [nowStep - 4, nowStep + 1, nowStep + 6] };
    const next = stateAfterUse(hinted, { step: nowStep + 1, sealedSecret: 'new', now });
    assert.deepEqual(next, { sealedSecret: 'new', lastStep: nowStep + 1, hintedSteps: [nowStep + 6], verified: true });
  });
});

describe('the limits of guessing', () => {
  it('stay below one percent a day with as many authenticators as a person may have', () => {
    const { tries, windowSeconds } = totp.limits.verify;
    const codesPerTry = (2 * windowSteps + 1) * maxAuthenticators;
    const chancePerDay = (tries * (86_400 / windowSeconds) * codesPerTry) / 1_000_000;
    assert.ok(chancePerDay < 0.01, String(chancePerDay));
  });
});
