import assert from 'node:assert/strict';
import { openTestPortal, type TestPortal } from '../../../test/support/portal.ts';
import { changePolicy } from '../policy/change-policy.ts';
import type { Facts } from '../policy/decide.ts';
import { graceUntil } from '../policy/grace.ts';
import { freshPolicies, type Policy } from '../policy/policy.ts';
import { presets } from '../policy/presets.ts';
import { addEffect, noEffect, type PolicyEffect } from '../policy/preview.ts';

const now = new Date('2026-03-01T12:00:00Z');
const later = new Date('2026-03-05T12:00:00Z');
const fresh = freshPolicies.contact;
const off: Policy = { ...fresh, mode: 'off' };

describe('A change of the policy', () => {
  it('from off to on asks everybody to enrol anew where the policy says so, and keeps enrolments where it does not', () => {
    const before = { ...off, enrolmentEpoch: 3 };
    for (const mode of ['optional', 'required'] as const) {
      const anew = changePolicy(before, { ...before, mode, onReenable: 'reenrolAll' }, now);
      assert.equal(anew.enrolmentEpoch, 4, mode);
      assert.equal(changePolicy(before, { ...before, mode, onReenable: 'keep' }, now).enrolmentEpoch, 3, mode);
    }
  });

  it('that does not switch it on again leaves enrolments alone, whatever the setting', () => {
    const on: Policy = { ...fresh, mode: 'required', onReenable: 'reenrolAll', enrolmentEpoch: 3 };
    for (const chosen of [
      on,
      { ...on, graceDays: 4 },
      { ...on, mode: 'optional' as const },
      { ...on, mode: 'off' as const },
    ])
      assert.equal(changePolicy(on, chosen, now).enrolmentEpoch, 3, chosen.mode);
  });

  it('to required begins the grace, which goes on through later changes and ends with the requirement', () => {
    const begun = changePolicy(fresh, { ...fresh, mode: 'required', graceDays: 7 }, now);
    assert.deepEqual(begun.requiredSince, now);
    assert.deepEqual(changePolicy(begun, { ...begun, graceDays: 9 }, later).requiredSince, now);
    assert.equal(changePolicy(begun, { ...begun, mode: 'optional' }, later).requiredSince, null);
  });

  it('that asks for a new enrolment begins no grace: the enrolled would be left with the password alone', () => {
    const anew = changePolicy(off, { ...off, mode: 'required', graceDays: 7, onReenable: 'reenrolAll' }, now);
    assert.equal(anew.requiredSince, null);
  });
});

describe('A grace', () => {
  const days = 86_400_000;
  const policy = { graceDays: 7, requiredSince: now };
  const old = { kind: 'contact' as const, graceUntil: null, createdAt: new Date(now.getTime() - 30 * days) };

  it('runs from the requirement on, and for who was added later from that day', () => {
    assert.deepEqual(graceUntil(old, policy), new Date(now.getTime() + 7 * days));
    const added = { ...old, createdAt: later };
    assert.deepEqual(graceUntil(added, policy), new Date(later.getTime() + 7 * days));
  });

  it('is none where the policy has no days, or nothing began', () => {
    assert.equal(graceUntil(old, { ...policy, graceDays: 0 }), null);
    assert.equal(graceUntil(old, { ...policy, requiredSince: null }), null);
  });

  it('is as long as staff said of the person, longer or shorter', () => {
    for (const own of [new Date(now.getTime() + 60 * days), new Date(now.getTime() - days)])
      assert.deepEqual(graceUntil({ ...old, graceUntil: own }, policy), own);
    const own = new Date(now.getTime() + days);
    assert.deepEqual(graceUntil({ ...old, graceUntil: own }, { graceDays: 0, requiredSince: null }), own);
  });

  it('is none in any preset', () => {
    for (const [name, { graceDays }] of Object.entries(presets)) assert.equal(graceDays, 0, name);
  });
});

describe('The preview of a policy', () => {
  const one = { id: 'a', factor: 'a', role: 'primary', installed: true, on: true, stuck: false, epoch: 0 } as const;
  const person: Facts = {
    staffWord: 'inherit',
    companyWord: 'inherit',
    groupWords: [],
    policy: fresh,
    enrolments: [],
    available: ['a'],
    recovery: [],
    mandatory: [],
    graceUntil: null,
    now,
  };
  const required = { ...person, policy: { ...fresh, mode: 'required' as const } };
  const suspended = { ...person, policy: { ...off, whenOff: 'suspend' as const } };
  const cases: [string, Facts, Facts, Partial<PolicyEffect>][] = [
    ['a person who has to set a factor up', person, required, { asked: 1 }],
    ['one who had to before', required, required, {}],
    [
      'one who is asked for the factor they have',
      { ...suspended, enrolments: [one] },
      { ...required, enrolments: [one] },
      { challenged: 1 },
    ],
    [
      'one who is asked for nothing any more',
      { ...required, enrolments: [one] },
      { ...suspended, enrolments: [one] },
      { letGo: 1 },
    ],
    [
      'one whose factor is switched off',
      { ...required, enrolments: [one] },
      { ...required, enrolments: [{ ...one, on: false }] },
      { retired: 1 },
    ],
    [
      'one who has to set one up in some days',
      person,
      { ...required, graceUntil: new Date(now.getTime() + 86_400_000) },
      { later: 1 },
    ],
    [
      'one who must set one up now, and then gets days for it',
      required,
      { ...required, graceUntil: new Date(now.getTime() + 86_400_000) },
      { later: 1 },
    ],
    [
      'one whose own deadline ends with a new epoch',
      { ...suspended, graceUntil: new Date(now.getTime() + 86_400_000) },
      {
        ...required,
        policy: { ...required.policy, enrolmentEpoch: 1 },
        graceUntil: new Date(now.getTime() + 86_400_000),
      },
      { asked: 1, deadlines: 1 },
    ],
    [
      'one who loses one of two methods',
      { ...required, enrolments: [one, { ...one, id: 'b', factor: 'b' }] },
      { ...required, enrolments: [one, { ...one, id: 'b', factor: 'b', on: false }] },
      { fewer: 1 },
    ],
    [
      'one who loses the codes for the day the phone is gone',
      { ...required, enrolments: [one, { ...one, id: 'c', factor: 'c', role: 'recovery' }] },
      { ...required, enrolments: [one, { ...one, id: 'c', factor: 'c', role: 'recovery', on: false }] },
      { fewer: 1 },
    ],
    ['one who cannot get in any more', person, { ...required, available: [] }, { stranded: 1 }],
    ['one for whom all stays as it is', { ...person, enrolments: [one] }, { ...required, enrolments: [one] }, {}],
  ];
  for (const [title, before, after, effect] of cases)
    it(`counts ${title}`, () => {
      assert.deepEqual(addEffect(noEffect, before, after), { ...noEffect, people: 1, ...effect });
    });

  it('adds people up', () => {
    const twice = addEffect(addEffect(noEffect, person, required), person, required);
    assert.deepEqual(twice, { ...noEffect, people: 2, asked: 2 });
  });
});

describe('Groups of companies', () => {
  let portal: TestPortal;
  before(async () => {
    portal = await openTestPortal();
  });
  after(() => portal.close());
  const make = async (name: string, word: 'off' | 'optional' | 'required' | null) => {
    const made = await portal.engine.groups.create(name, word);
    assert.ok(made);
    return made;
  };

  it('have a name of their own, whatever its case', async () => {
    const { groups } = portal.engine;
    const pilots = await make('Pilots', null);
    assert.equal(await groups.create(' pILOTS ', 'required'), null);
    const crew = await make('Crew', 'off');
    assert.equal(await groups.change(crew.id, { name: 'PILOTS', word: 'required' }), false);
    assert.deepEqual(await groups.byId(crew.id), crew);
    assert.deepEqual(
      (await groups.list()).map(({ name }) => name),
      ['Crew', 'Pilots'],
    );
    assert.equal(await groups.byId('no id'), null);
    assert.equal(await groups.change('0'.repeat(24), { name: 'Nobody', word: null }), false);
    assert.ok(await groups.remove(pilots.id));
    assert.equal(await groups.remove(pilots.id), false);
  });

  it('give their word to each of their companies, and take it back from those that leave or when they go', async () => {
    const { groups } = portal.engine;
    const [one, two] = [await portal.companies.create('One'), await portal.companies.create('Two')];
    const [strict, mild] = [await make('Strict', 'required'), await make('Mild', 'optional')];
    for (const { id } of [one, two]) assert.ok(await groups.put(id, strict.id));
    await groups.put(one.id, strict.id);
    await groups.put(one.id, mild.id);
    assert.deepEqual((await groups.wordsOf(one.id)).sort(), ['optional', 'required']);
    assert.deepEqual(await groups.membersOf(strict.id), [one.id, two.id]);
    assert.deepEqual(
      (await groups.of(one.id)).map(({ name }) => name),
      ['Mild', 'Strict'],
    );
    assert.deepEqual(
      [...(await groups.wordsOfMany([one.id, two.id]))].map(([id, words]) => [id, words.sort()]),
      [
        [one.id, ['optional', 'required']],
        [two.id, ['required']],
      ],
    );
    assert.ok(await groups.change(strict.id, { name: 'Strict', word: 'off' }), 'a weaker word');
    assert.deepEqual(await groups.wordsOf(two.id), ['off']);
    assert.ok(await groups.change(strict.id, { name: 'Strict', word: 'required' }), 'and a stricter one again');
    assert.deepEqual(await groups.wordsOf(two.id), ['required']);
    assert.ok(await groups.change(strict.id, { name: 'Strict', word: null }), 'or none');
    assert.deepEqual(await groups.wordsOf(two.id), []);
    await groups.take(one.id, mild.id);
    assert.deepEqual(await groups.wordsOf(one.id), []);
    assert.equal(await groups.put(one.id, '0'.repeat(24)), false);
    await groups.remove(strict.id);
    assert.deepEqual(await groups.of(two.id), []);
  });

  it('that get a stricter word under a name that is taken leave their companies with what they had', async () => {
    const { groups } = portal.engine;
    const company = await portal.companies.create('Three');
    const [lax] = [await make('Lax', 'off'), await make('Taken', null)];
    await groups.put(company.id, lax.id);
    assert.equal(await groups.change(lax.id, { name: 'Taken', word: 'required' }), false);
    assert.deepEqual(await groups.wordsOf(company.id), ['off']);
  });
});
