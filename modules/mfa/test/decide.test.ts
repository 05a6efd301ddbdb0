import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { Decision } from '../../kernel/ports.ts';
import { catalogueFiles, readCatalogue } from '../../platform/i18n.ts';
import {
  abilitiesOf,
  decide,
  decideAfterRetired,
  mayRemove,
  requirementOf,
  rules,
  type EnrolmentFact,
  type Facts,
} from '../policy/decide.ts';
import { freshPolicies, policySchema } from '../policy/policy.ts';

const now = new Date('2026-03-01T12:00:00Z');
const day = 86_400_000;

const one: EnrolmentFact = {
  id: 'e1',
  factor: 'app',
  role: 'primary',
  installed: true,
  on: true,
  stuck: false,
  epoch: 0,
};
const usable = one;
const retired = { ...one, on: false };
const gone = { ...one, factor: 'gone', role: null, installed: false, on: false };
const locked = { ...one, stuck: true };
const outdated = { ...one, epoch: -1 };
const codes: EnrolmentFact = { ...one, id: 'r1', factor: 'codes', role: 'recovery' };

function facts(change: Partial<Omit<Facts, 'policy'>> & { policy?: Partial<Facts['policy']> } = {}): Facts {
  const policy = {
    mode: 'optional',
    whenOff: 'keepAsking',
    userMayDisable: 'unlessRequired',
    multiple: 'many',
    enrolmentEpoch: 0,
    disableProof: 'code',
    ...change.policy,
  } as const;
  return {
    staffWord: 'inherit',
    companyWord: 'inherit',
    groupWords: [],
    enrolments: [],
    available: ['app', 'text'],
    recovery: ['codes'],
    mandatory: [],
    graceUntil: null,
    now,
    ...change,
    policy,
  };
}

const short = (decision: Decision) => `${decision.outcome} ${decision.reason}`;

describe('What is required of a person', () => {
  const table: [string, Parameters<typeof facts>[0], string][] = [
    ['is the portal’s word where nobody else spoke', { policy: { mode: 'required' } }, 'required portal'],
    ['is off where the portal is off', { policy: { mode: 'off' } }, 'off portal'],
    [
      'is the strongest of the groups’ words',
      { groupWords: ['off', 'required', 'optional'], policy: { mode: 'off' } },
      'required group',
    ],
    [
      'is the group’s word even where it is weaker than the portal’s',
      { groupWords: ['off'], policy: { mode: 'required' } },
      'off group',
    ],
    [
      'is the company administrators’ word before groups and portal',
      { companyWord: 'required', groupWords: ['off'], policy: { mode: 'off' } },
      'required company',
    ],
    [
      'is staff’s word before all',
      { staffWord: 'required', groupWords: ['off'], policy: { mode: 'off' } },
      'required staff',
    ],
    [
      'is nothing where staff exempt the person, whatever the company says',
      { staffWord: 'exempt', companyWord: 'required', policy: { mode: 'required' } },
      'exempt staff',
    ],
  ];
  for (const [title, change, expected] of table) {
    it(title, () => {
      const { requirement, by } = requirementOf(facts(change));
      assert.equal(`${requirement} ${by}`, expected);
    });
  }
});

describe('The decision', () => {
  const required = { policy: { mode: 'required' } } as const;
  const off = { policy: { mode: 'off' } } as const;
  const suspended = { policy: { mode: 'off', whenOff: 'suspend' } } as const;
  const table: [string, Parameters<typeof facts>[0], string][] = [
    ['lets the exempt in', { staffWord: 'exempt', ...required }, 'satisfied exempt'],
    [
      'lets the exempt in although they have a factor',
      { staffWord: 'exempt', enrolments: [usable] },
      'satisfied exempt',
    ],
    ['lets people in where it is optional and nothing is set up', {}, 'satisfied optional'],
    ['asks who set something up although it is optional', { enrolments: [usable] }, 'verify alreadySetUp'],
    [
      'asks for the factor where the portal requires one',
      { ...required, enrolments: [usable] },
      'verify requiredByPortal',
    ],
    ['names staff where they require it', { staffWord: 'required', enrolments: [usable] }, 'verify requiredByStaff'],
    [
      'names the company where its administrators require it',
      { companyWord: 'required', enrolments: [usable] },
      'verify requiredByCompany',
    ],
    [
      'names the group where it requires it',
      { groupWords: ['required'], enrolments: [usable] },
      'verify requiredByGroup',
    ],
    ['leads to a set-up where one is required', required, 'enrol requiredByPortal'],
    ['lets nobody on where one is required and none can be set up', { ...required, available: [] }, 'blocked noFactor'],
    [
      'gives time while a grace runs',
      { ...required, graceUntil: new Date(now.getTime() + 2 * day) },
      'satisfied grace',
    ],
    [
      'gives no more time when the grace is over to the millisecond',
      { ...required, graceUntil: now },
      'enrol requiredByPortal',
    ],
    [
      'gives no time to somebody who is set up',
      { ...required, graceUntil: new Date(now.getTime() + day), enrolments: [usable] },
      'verify requiredByPortal',
    ],
    [
      'keeps asking the enrolled where the portal is off and says so',
      { ...off, enrolments: [usable] },
      'verify alreadySetUp',
    ],
    ['lets the others in where the portal is off', off, 'satisfied off'],
    ['asks nobody where the portal is off and suspends', { ...suspended, enrolments: [usable] }, 'satisfied off'],
    ['does not even block where it suspends', { ...suspended, enrolments: [gone] }, 'satisfied off'],
    ['asks once more with a factor that was switched off', { ...required, enrolments: [retired] }, 'verify retired'],
    [
      'prefers a factor that is on to a retired one',
      { ...required, enrolments: [retired, { ...one, id: 'e2', factor: 'text' }] },
      'verify requiredByPortal',
    ],
    ['blocks where the factor’s folder is gone, required or not', { enrolments: [gone] }, 'blocked stranded'],
    ['blocks where the factor is locked', { ...required, enrolments: [locked] }, 'blocked stranded'],
    ['blocks where the portal is off and keeps asking', { ...off, enrolments: [locked] }, 'blocked stranded'],
    [
      'does not let a grace pass who is stranded',
      { ...required, enrolments: [locked], graceUntil: new Date(now.getTime() + day) },
      'blocked stranded',
    ],
    [
      'asks with the usable one where another is stranded',
      { enrolments: [gone, { ...one, id: 'e2' }] },
      'verify alreadySetUp',
    ],
    ['counts nothing of an older epoch', { ...required, enrolments: [outdated] }, 'enrol requiredByPortal'],
    ['never takes recovery codes for a factor', { ...required, enrolments: [codes] }, 'enrol requiredByPortal'],
    ['never takes recovery codes for a factor where it is optional', { enrolments: [codes] }, 'satisfied optional'],
  ];
  for (const [title, change, expected] of table) {
    it(title, () => {
      assert.equal(short(decide(facts(change))), expected);
    });
  }

  it('offers recovery codes beside a factor, and never alone', () => {
    const decision = decide(facts({ enrolments: [codes, usable] }));
    assert.deepEqual(decision.outcome === 'verify' && decision.factors, ['app', 'codes']);
  });

  it('offers no recovery codes that are locked, switched off, gone or of an older epoch', () => {
    for (const spoilt of [
      { ...codes, stuck: true },
      { ...codes, on: false },
      { ...codes, installed: false },
      { ...codes, epoch: -1 },
    ]) {
      const decision = decide(facts({ enrolments: [spoilt, usable] }));
      assert.deepEqual(decision.outcome === 'verify' && decision.factors, ['app']);
    }
  });

  it('counts down whole days of a grace, the last one as one', () => {
    for (const [hours, days] of [
      [1, 1],
      [24, 1],
      [25, 2],
      [72, 3],
    ] as const) {
      const decision = decide(facts({ ...required, graceUntil: new Date(now.getTime() + hours * 3_600_000) }));
      assert.equal(decision.outcome === 'satisfied' && decision.daysLeft, days);
    }
  });

  it('after a proof with a retired factor leads to a set-up where one is required, and lets in where not', () => {
    assert.equal(short(decideAfterRetired(facts({ ...required, enrolments: [retired] }))), 'enrol requiredByPortal');
    assert.equal(short(decideAfterRetired(facts({ enrolments: [retired] }))), 'satisfied optional');
    assert.equal(
      short(decideAfterRetired(facts({ ...required, enrolments: [retired], available: [] }))),
      'blocked noFactor',
    );
  });

  it('has rules of different names, the last of which always applies', () => {
    assert.equal(new Set(rules.map(({ name }) => name)).size, rules.length);
    assert.equal(rules.at(-1)?.applies({} as never), true);
  });

  it('is strict for staff of a fresh portal', () => {
    assert.equal(freshPolicies.staff.mode, 'required');
    assert.equal(freshPolicies.staff.userMayDisable, 'never');
    for (const policy of Object.values(freshPolicies)) assert.deepEqual(policySchema.parse(policy), policy);
  });
});

describe('What people may do with their own factors', () => {
  it('follows from requirement and policy', () => {
    const of = (change: Parameters<typeof facts>[0]) => abilitiesOf(facts(change));
    assert.deepEqual(of({}), { mayEnrol: true, mayDisable: false, mayAddAnother: true });
    assert.deepEqual(of({ enrolments: [usable] }), { mayEnrol: true, mayDisable: true, mayAddAnother: true });
    assert.equal(of({ enrolments: [usable], policy: { mode: 'required' } }).mayDisable, false);
    assert.equal(of({ enrolments: [usable], policy: { userMayDisable: 'never' } }).mayDisable, false);
    assert.equal(of({ enrolments: [usable], policy: { multiple: 'single' } }).mayAddAnother, false);
    // Switched off is asked for all the same: it can be turned off, and another one set up beside it.
    assert.deepEqual(of({ enrolments: [retired], policy: { multiple: 'single' } }), {
      mayEnrol: true,
      mayDisable: true,
      mayAddAnother: true,
    });
    assert.equal(of({ policy: { mode: 'off' } }).mayEnrol, false);
    assert.equal(of({ staffWord: 'exempt' }).mayEnrol, false);
  });

  it('never allows a new set-up to somebody whose only factor cannot be checked: the password alone would choose the second step', () => {
    for (const enrolment of [gone, locked]) {
      for (const mode of ['optional', 'required'] as const) {
        assert.equal(
          abilitiesOf(facts({ enrolments: [enrolment], policy: { mode } })).mayEnrol,
          false,
          `${mode} ${enrolment.factor}`,
        );
      }
    }
  });

  it('lets one enrolment go where another usable one stays, or where the factor may be turned off', () => {
    const two = [one, { ...one, id: 'e2' }];
    assert.equal(mayRemove(facts({ enrolments: two, policy: { mode: 'required' } }), 'e1'), true);
    assert.equal(mayRemove(facts({ enrolments: [one], policy: { mode: 'required' } }), 'e1'), false);
    assert.equal(mayRemove(facts({ enrolments: [one] }), 'e1'), true);
    assert.equal(
      mayRemove(facts({ enrolments: [one, { ...locked, id: 'e2' }], policy: { mode: 'required' } }), 'e1'),
      false,
      'a locked one is no other',
    );
    assert.equal(mayRemove(facts({ enrolments: [one] }), 'e9'), false);
    assert.equal(mayRemove(facts({ enrolments: [gone] }), 'e1'), false);
    assert.equal(mayRemove(facts({ enrolments: [one, codes], policy: { mode: 'required' } }), 'r1'), true);
  });
});

const anyEnrolment: fc.Arbitrary<EnrolmentFact> = fc.record({
  id: fc.constantFrom('e1', 'e2', 'e3'),
  factor: fc.constantFrom('app', 'text', 'codes', '__proto__', ''),
  role: fc.constantFrom('primary', 'recovery', null),
  installed: fc.boolean(),
  on: fc.boolean(),
  stuck: fc.boolean(),
  epoch: fc.constantFrom(0, 1),
});
const anyFacts: fc.Arbitrary<Facts> = fc.record({
  staffWord: fc.constantFrom('inherit', 'required', 'exempt'),
  companyWord: fc.constantFrom('inherit', 'required'),
  groupWords: fc.array(fc.constantFrom('off', 'optional', 'required'), { maxLength: 3 }),
  policy: fc.record({
    mode: fc.constantFrom('off', 'optional', 'required'),
    whenOff: fc.constantFrom('keepAsking', 'suspend'),
    userMayDisable: fc.constantFrom('never', 'unlessRequired'),
    multiple: fc.constantFrom('single', 'many'),
    enrolmentEpoch: fc.constantFrom(0, 1),
    disableProof: fc.constantFrom('code', 'password', 'both'),
  }),
  enrolments: fc.array(anyEnrolment, { maxLength: 4 }),
  available: fc.subarray(['app', 'text']),
  recovery: fc.subarray(['codes']),
  mandatory: fc.subarray(['codes']),
  graceUntil: fc.option(fc.integer({ min: -5, max: 5 }).map((days) => new Date(now.getTime() + days * day))),
  now: fc.constant(now),
});

/** How much stands between the password and the portal. */
const protection = { satisfied: 0, enrol: 1, verify: 2, blocked: 3 } as const;
const texts = Object.fromEntries(
  readCatalogue(catalogueFiles(fileURLToPath(new URL('../../../views/locales', import.meta.url)), 'en')),
);

describe('Whatever the facts, the decision', () => {
  const check = (property: (facts: Facts) => void) => {
    fc.assert(fc.property(anyFacts, property), { numRuns: 2000 });
  };

  it('never protects less when more is required, by whoever', () => {
    check((given) => {
      if (given.staffWord === 'exempt') return;
      const before = protection[decide(given).outcome];
      const more: Facts[] = [
        { ...given, staffWord: 'required' },
        { ...given, companyWord: 'required' },
        { ...given, groupWords: [...given.groupWords, 'required'] },
        ...(given.groupWords.length === 0
          ? [{ ...given, policy: { ...given.policy, mode: 'required' as const } }]
          : []),
      ];
      for (const stricter of more) assert.ok(protection[decide(stricter).outcome] >= before, JSON.stringify(stricter));
    });
  });

  it('never asks the exempt', () => {
    check((given) => {
      assert.equal(decide({ ...given, staffWord: 'exempt' }).outcome, 'satisfied');
    });
  });

  it('never leads to a set-up, and never lets in where something is asked, while an enrolment of now exists', () => {
    check((given) => {
      const current = given.enrolments.filter(
        (enrolment) => enrolment.epoch === given.policy.enrolmentEpoch && enrolment.role !== 'recovery',
      );
      const { outcome, reason } = decide(given);
      if (current.length === 0 || reason === 'exempt' || reason === 'off') return;
      assert.ok(outcome === 'verify' || outcome === 'blocked', JSON.stringify(decide(given)));
    });
  });

  it('is no less strict for an enrolment whose factor is unknown: who cannot be asked is blocked', () => {
    check((given) => {
      const unknown = given.enrolments.map((enrolment) => ({ ...enrolment, role: null, installed: false }));
      const decision = decide({ ...given, enrolments: unknown });
      if (!unknown.some((enrolment) => enrolment.epoch === given.policy.enrolmentEpoch)) return;
      assert.ok(
        decision.outcome === 'blocked' || decision.reason === 'exempt' || decision.reason === 'off',
        short(decision),
      );
    });
  });

  it('is the same with and without recovery codes, but for the choice of ways', () => {
    check((given) => {
      const without = decide({ ...given, enrolments: given.enrolments.filter(({ role }) => role !== 'recovery') });
      assert.equal(short(decide(given)), short(without));
    });
  });

  it('asks only for factors that are enrolled, installed and not stuck', () => {
    check((given) => {
      const decision = decide(given);
      if (decision.outcome !== 'verify') return;
      assert.ok(decision.factors.length > 0);
      for (const id of decision.factors) {
        assert.ok(
          given.enrolments.some(
            (one) => one.factor === id && one.installed && !one.stuck && one.epoch === given.policy.enrolmentEpoch,
          ),
          id,
        );
      }
    });
  });

  it('has a reason that the catalogue has a sentence for', () => {
    const reasons = new Set<string>();
    const blocked = new Set<string>();
    check((given) => {
      const decision = decide(given);
      (decision.outcome === 'blocked' ? blocked : reasons).add(decision.reason);
    });
    for (const reason of blocked) {
      assert.ok(texts[`blocked.${reason}.heading`], `blocked.${reason}.heading`);
      assert.ok(texts[`blocked.${reason}.text`], `blocked.${reason}.text`);
      reasons.add(reason);
    }
    // The security page shows the reason whatever the outcome.
    for (const reason of reasons) assert.ok(texts[`policy.reason.${reason}`], `policy.reason.${reason}`);
  });

  it('allows nobody to remove their last usable factor while one is required', () => {
    check((given) => {
      if (requirementOf(given).requirement !== 'required') return;
      const current = given.enrolments.filter(
        (enrolment) =>
          enrolment.role !== 'recovery' &&
          enrolment.installed &&
          !enrolment.stuck &&
          enrolment.on &&
          enrolment.epoch === given.policy.enrolmentEpoch,
      );
      const [only] = current;
      if (current.length !== 1 || only === undefined || given.enrolments.filter(({ id }) => id === only.id).length > 1)
        return;
      assert.equal(mayRemove(given, only.id), false);
    });
  });
});
