import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { hotpCode } from '../../../test/support/rfc-totp.ts';
import { codeOf } from '../commands/bench/authenticator.ts';
import { ContactsInTurn } from '../commands/bench/contacts-in-turn.ts';
import type { Stretch } from '../commands/bench/sign-in-load.ts';
import { judgeSignIns, ratesOf, type SignInBench } from '../commands/bench/sign-in-report.ts';
import { patternOf } from '../commands/demo-contacts.ts';

const stretch = (signIns: number, seconds: number, serverCpuMs: number | null): Stretch => ({
  signIns,
  seconds,
  serverCpuMs,
  refused: 0,
  generatorCpuMs: signIns,
});

describe('The sign-in benchmark', () => {
  it('plays an authenticator app', () => {
    const key = createHash('sha1').update('somebody’s').digest();
    for (const counter of [0, 1, 59_650_000, 2 ** 33]) assert.equal(codeOf(key, counter), hotpCode({ key, counter }));
  });

  it('never gives a contact’s code out twice, and says so where there are too few contacts', async () => {
    const now = 1_790_000_000_000;
    const contacts = new ContactsInTurn(patternOf({ key: 'k', count: 2 }), () => now);
    const codes = new Set<string>();
    const signIn = () =>
      contacts.with((contact) => {
        codes.add(`${contact.email} ${contact.code()}`);
        return Promise.resolve();
      });
    for (let count = 0; count < 4; count += 1) await signIn();
    assert.equal(codes.size, 4, 'two contacts, this step and the next');
    await assert.rejects(signIn, /--contacts/);
    await contacts.with(() => contacts.with(() => assert.rejects(signIn, /--contacts/)));
  });

  it('holds each stretch against the bare password checks around it', () => {
    const raw = [
      { perSecond: 100, cpuMs: 20 },
      { perSecond: 50, cpuMs: 30 },
      { perSecond: 50, cpuMs: 30 },
    ];
    const rates = ratesOf([stretch(60, 2, 60 * 50), stretch(50, 2, 50 * 45)], raw);
    assert.deepEqual(
      [rates.perSecond, rates.shareOfRaw, rates.serverVerifies],
      [30, 0.5, 2],
      'the upper of two medians of 30 and 25 a second, of 0.4 and 0.5 of the raw rate, of 2 and 1.5 raw checks',
    );
    assert.ok(Number.isNaN(ratesOf([stretch(60, 2, null)], raw).serverVerifies), 'not known is not nothing');
  });

  it('calls a goal reached only where a figure says so', () => {
    const figures = { count: 100, perSecond: 50, p50: 5, p95: 8, p99: 10, max: 12, refused: 0 };
    const bench = (part: Partial<SignInBench>): SignInBench => ({
      machine: { date: '2026-01-01', cores: 2, node: 'v24', loadBefore: 0 },
      contacts: 100,
      seeding: { seconds: 1, perSecond: 100 },
      argon2: { memoryKib: 47_104, iterations: 1, parallelism: 1, atATime: 2 },
      raw: [{ perSecond: 100, cpuMs: 20 }],
      levels: [{ clients: 32, stretches: [stretch(50, 1, 50 * 30)], steps: [] }],
      probe: { idle: figures, busy: { ...figures, p99: 30 }, load: [] },
      memoryMiB: { peakResident: 300, highestAnonymous: 220 },
      firstPageMs: [1000],
      ...part,
    });
    const reached = (part: Partial<SignInBench>) => judgeSignIns(bench(part)).map((goal) => goal.reached);
    assert.deepEqual(reached({}), [true, true, true, true, true]);
    assert.deepEqual(
      reached({
        levels: [{ clients: 32, stretches: [stretch(49, 1, 49 * 31)], steps: [] }],
        probe: { idle: figures, busy: { ...figures, p99: 30.1 }, load: [] },
        memoryMiB: { peakResident: null, highestAnonymous: null },
      }),
      [false, false, false, false, false],
    );
  });
});
