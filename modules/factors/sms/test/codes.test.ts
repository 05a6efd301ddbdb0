import assert from 'node:assert/strict';
import fc from 'fast-check';
import { translator } from '../../../platform/i18n.ts';
import { catalogueFiles, readCatalogue } from '../../../platform/i18n.ts';
import {
  afterAnswer,
  afterSending,
  codeMinutes,
  isDue,
  judge,
  newCode,
  nextAt,
  readCode,
  triesPerQuestion,
  type SentCode,
} from '../codes.ts';
import { codeText, goneText, longestText } from '../texts.ts';

const start = new Date('2026-11-22T10:00:00Z');
const at = (seconds: number) => new Date(start.getTime() + seconds * 1000);
const sent = (part: Partial<SentCode> = {}): SentCode => ({
  ...afterAnswer(afterSending(null, { hash: 'right', phone: 'p', now: start }), { outcome: 'sent', messageId: 'm' }),
  ...part,
});

describe('Codes for text messages', () => {
  it('are six digits, leading zeros kept, each as likely as any other', () => {
    const count = 10_000;
    const tallies = Array.from({ length: 6 }, () => new Map<string, number>());
    for (let index = 0; index < count; index += 1) {
      const code = newCode();
      assert.match(code, /^[0-9]{6}$/);
      [...code].forEach((digit, place) => tallies[place]!.set(digit, (tallies[place]!.get(digit) ?? 0) + 1));
    }
    for (const tally of tallies) {
      const expected = count / 10;
      const chiSquare = [...'0123456789'].reduce(
        (sum, digit) => sum + ((tally.get(digit) ?? 0) - expected) ** 2 / expected,
        0,
      );
      // Nine degrees of freedom: beyond 45 once in a million runs.
      assert.ok(chiSquare < 45, `chi-square ${String(chiSquare)}`);
    }
  });

  it('are read with the spaces and dashes that people put in, and as nothing else', () => {
    for (const typed of ['123456', '123 456', ' 123-456 ', '123\u00a0456']) assert.equal(readCode(typed), '123456');
    for (const typed of ['12345', '1234567', '12345a', '', null, undefined, ['123456'], { $ne: 1 }, '１２３４５６'])
      assert.equal(readCode(typed), null);
  });

  it('are sent again after a minute, then after twice as long each time', () => {
    let state: SentCode | null = null;
    let now = 0;
    for (const wait of [60, 120, 240, 480]) {
      assert.ok(isDue(state, { again: state !== null, now: at(now) }));
      state = afterAnswer(afterSending(state, { hash: 'h', phone: 'p', now: at(now) }), { outcome: 'sent' });
      assert.equal(nextAt(state), at(now + wait).getTime());
      assert.ok(!isDue(state, { again: true, now: at(now + wait - 1) }));
      now += wait;
    }
  });

  it('that were not sent cost no wait, and are none', () => {
    const failed = afterAnswer(afterSending(null, { hash: 'h', phone: 'p', now: start }), { outcome: 'failed' });
    assert.equal(failed.sends, 0);
    assert.ok(isDue(failed, { again: true, now: start }));
    assert.equal(judge(failed, { hash: 'h', now: start }).verdict, 'over');
  });

  it('never count more than five wrong tries, whatever is sent in between', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ wait: fc.integer({ min: 0, max: 400 }), kind: fc.constantFrom('send', 'wrong', 'right') }),
          {
            maxLength: 40,
          },
        ),
        (steps) => {
          let state: SentCode | null = null;
          let [now, wrong, right, sends] = [0, 0, 0, 0];
          for (const { wait, kind } of steps) {
            now += wait;
            if (kind === 'send') {
              if (!isDue(state, { again: true, now: at(now) })) continue;
              sends += 1;
              state = afterAnswer(afterSending(state, { hash: `h${String(sends)}`, phone: 'p', now: at(now) }), {
                outcome: 'sent',
              });
            } else {
              const hash = kind === 'right' ? `h${String(sends)}` : 'no';
              const { verdict, next } = judge(state, { hash, now: at(now) });
              if (verdict === 'wrong') wrong += 1;
              if (verdict === 'right') right += 1;
              state = next ?? state;
            }
          }
          assert.ok(wrong <= triesPerQuestion);
          assert.ok(right <= sends, 'each code once');
        },
      ),
    );
  });

  it('end with their five minutes, their use and their fifth wrong try', () => {
    assert.equal(judge(sent(), { hash: 'right', now: at(codeMinutes * 60 - 1) }).verdict, 'right');
    assert.equal(judge(sent(), { hash: 'right', now: at(codeMinutes * 60) }).verdict, 'over');
    const used = judge(sent(), { hash: 'right', now: at(1) }).next;
    assert.equal(judge(used, { hash: 'right', now: at(2) }).verdict, 'over');
    assert.equal(judge(sent({ failures: 5 }), { hash: 'right', now: at(1) }).verdict, 'used-up');
  });
});

describe('Texts to phones', () => {
  for (const lang of ['en', 'de'] as const) {
    const locales = new URL('../locales', import.meta.url).pathname;
    const t = translator(readCatalogue(catalogueFiles(locales, lang)));
    const words = { t, siteName: 'Gatehouse', baseUrl: 'https://portal.example.com' };

    it(`fit into one message, name the site and end with the line that browsers read (${lang})`, () => {
      const text = codeText(words, '012345');
      assert.match(text, /012345/);
      assert.match(text, /Gatehouse \(portal\.example\.com\)/);
      assert.ok(text.endsWith('\n\n@portal.example.com #012345'));
      assert.ok(text.length <= longestText, String(text.length));
      assert.ok(goneText(words).length <= longestText);
    });

    it(`leave a name out that is too long, or not of the alphabet of phones (${lang})`, () => {
      for (const siteName of ['Кабинет', 'x'.repeat(64)]) {
        const text = codeText({ ...words, siteName }, '012345');
        assert.ok(!text.includes(siteName));
        assert.match(text, /portal\.example\.com/);
        assert.ok(text.length <= longestText, String(text.length));
      }
    });

    it(`have no such line without https, where no browser would heed it (${lang})`, () => {
      assert.doesNotMatch(codeText({ ...words, baseUrl: 'http://127.0.0.1:3000' }, '012345'), /#012345/);
    });
  }
});
