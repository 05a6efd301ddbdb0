import assert from 'node:assert/strict';
import { z } from 'zod';
import { maskNumber, prefixOf } from '../../guard/number-parts.ts';
import { guardSettings, readGuardSettings } from '../../guard/settings.ts';

const read = (environment: Record<string, string>, production = true) =>
  readGuardSettings(z.object(guardSettings).parse(environment), { production });

describe('The settings of the guard', () => {
  it('allow ordinary countries, in production never all of them', () => {
    const { countries } = read({});
    assert.ok(countries !== 'all' && countries.has('DE') && !countries.has('SL'));
    assert.throws(() => read({ SMS_COUNTRIES: '*' }), /name the countries/);
    assert.equal(read({ SMS_COUNTRIES: '*' }, false).countries, 'all');
    assert.deepEqual(read({ SMS_COUNTRIES: 'de, at' }).countries, new Set(['DE', 'AT']));
  });

  it('refuse with a sentence what is no country, and a day with less than its hours', () => {
    assert.throws(() => read({ SMS_COUNTRIES: 'DE XX' }), /"XX"/);
    assert.throws(() => read({ SMS_COUNTRIES: ' , ' }), /at least one/);
    assert.throws(() => read({ SMS_PREFIX_PER_DAY: '5' }), /SMS_PREFIX_PER_DAY must not be less/);
    for (const wrong of ['0', '-1', '1.5', 'many', ''])
      assert.throws(() => read({ SMS_DAILY_BUDGET: wrong }), wrong || 'empty');
  });
});

describe('What is kept of a number', () => {
  it('is its country and last two digits in lists, and the beginning that a range shares', () => {
    assert.equal(maskNumber('+12025550106', 'US'), '+1******06');
    assert.equal(maskNumber('+4915112345678', 'DE'), '+49******78');
    assert.equal(maskNumber('+88213123456', 'ZZ'), '+8******56');
    assert.equal(prefixOf('+4915112345678', 'DE'), '+491511');
    assert.equal(prefixOf('+12025550106', 'US'), '+12025');
    assert.equal(prefixOf('+35312345678', 'IE'), '+3531234');
  });
});
