import type { Person } from '../../kernel/person.ts';
import type { Decision } from '../../kernel/ports.ts';
import type { Policy } from './policy.ts';

export type Requirement = 'exempt' | 'off' | 'optional' | 'required';

/** One active enrolment as the policy sees it. */
export interface EnrolmentFact {
  id: string;
  factor: string;
  role: 'primary' | 'recovery' | null;
  /** Null role: the factor's folder is gone. */
  installed: boolean;
  /** Switched on for this person's audience. */
  on: boolean;
  /** Locked after a hundred wrong codes, or its state can't be opened. */
  stuck: boolean;
  epoch: number;
}

/** All that the decision depends on. */
export interface Facts {
  staffWord: Person['staffWord'];
  companyWord: Person['companyWord'];
  /** The words of the groups that the person's company is in. */
  groupWords: readonly Exclude<Requirement, 'exempt'>[];
  policy: Pick<Policy, 'mode' | 'whenOff' | 'userMayDisable' | 'multiple' | 'enrolmentEpoch' | 'disableProof'>;
  enrolments: readonly EnrolmentFact[];
  /** Primary factors that this audience may set up, in their order. */
  available: readonly string[];
  /** Recovery factors that are on, and those of them that everybody with a primary factor must have (C7). */
  recovery: readonly string[];
  mandatory: readonly string[];
  graceUntil: Date | null;
  now: Date;
}

const strength: readonly Requirement[] = ['exempt', 'off', 'optional', 'required'];
const strongest = (words: readonly Requirement[]): Requirement =>
  words.reduce((one, other) => (strength.indexOf(other) > strength.indexOf(one) ? other : one), 'exempt');

/** What is required of the person, and whose word it is. */
export function requirementOf(facts: Pick<Facts, 'staffWord' | 'companyWord' | 'groupWords' | 'policy'>): {
  requirement: Requirement;
  by: 'staff' | 'company' | 'group' | 'portal';
} {
  if (facts.staffWord === 'exempt') return { requirement: 'exempt', by: 'staff' };
  if (facts.staffWord === 'required') return { requirement: 'required', by: 'staff' };
  if (facts.companyWord === 'required') return { requirement: 'required', by: 'company' };
  if (facts.groupWords.length > 0) return { requirement: strongest(facts.groupWords), by: 'group' };
  return { requirement: facts.policy.mode, by: 'portal' };
}

interface View {
  facts: Facts;
  requirement: Requirement;
  by: string;
  asked: boolean;
  usable: readonly EnrolmentFact[];
  retired: readonly EnrolmentFact[];
  stranded: readonly EnrolmentFact[];
}

/** Sorts the facts into what the rules speak of. */
export function viewOf(facts: Facts): View {
  const { requirement, by } = requirementOf(facts);
  const current = facts.enrolments.filter((enrolment) => enrolment.epoch === facts.policy.enrolmentEpoch);
  // An enrolment of a factor that is gone counts as primary: nobody can say any more that it was not.
  const primary = current.filter((enrolment) => enrolment.role !== 'recovery');
  const sound = (enrolment: EnrolmentFact) => enrolment.installed && !enrolment.stuck;
  return {
    facts,
    requirement,
    by,
    asked:
      requirement === 'optional' ||
      requirement === 'required' ||
      (requirement === 'off' && facts.policy.whenOff === 'keepAsking'),
    usable: primary.filter((enrolment) => sound(enrolment) && enrolment.on),
    retired: primary.filter((enrolment) => sound(enrolment) && !enrolment.on),
    stranded: primary.filter((enrolment) => !sound(enrolment)),
  };
}

interface Rule {
  /** Names the rule in the audit and, as `policy.reason.<name>`, on pages. */
  name: string;
  applies(view: View): boolean;
  then(view: View): Decision;
}

const names = (enrolments: readonly EnrolmentFact[]) => [...new Set(enrolments.map((enrolment) => enrolment.factor))];
/** The primary factors that prove somebody, as at sign-in: one that the policy has switched off counts only where there is no other. */
export const provingOf = (view: View) => names(view.usable.length > 0 ? view.usable : view.retired);
/** The recovery factors that can be used beside a primary one. */
export const recoveryOf = (view: View) =>
  names(
    view.facts.enrolments.filter(
      (one) =>
        one.role === 'recovery' &&
        one.installed &&
        one.on &&
        !one.stuck &&
        one.epoch === view.facts.policy.enrolmentEpoch,
    ),
  );
const inGrace = (view: View) => view.facts.graceUntil !== null && view.facts.now < view.facts.graceUntil;
const daysUntil = (view: View) =>
  Math.ceil(((view.facts.graceUntil?.getTime() ?? 0) - view.facts.now.getTime()) / 86_400_000);

const requiredBy = (view: View) => `requiredBy${view.by.charAt(0).toUpperCase()}${view.by.slice(1)}`;

/** The decision rule, in order: the first rule that applies decides. Each result carries its reason. */
export const rules: readonly Rule[] = [
  {
    name: 'exempt',
    applies: (view) => view.requirement === 'exempt',
    then: () => ({ outcome: 'satisfied', reason: 'exempt', recommended: false }),
  },
  {
    name: 'off',
    applies: (view) => !view.asked,
    then: () => ({ outcome: 'satisfied', reason: 'off', recommended: false }),
  },
  {
    name: 'setUp',
    applies: (view) => view.usable.length > 0,
    then: (view) => ({
      outcome: 'verify',
      reason: view.requirement === 'required' ? requiredBy(view) : 'alreadySetUp',
      factors: [...names(view.usable), ...recoveryOf(view)],
      retired: false,
    }),
  },
  {
    name: 'retired',
    applies: (view) => view.retired.length > 0,
    then: (view) => ({ outcome: 'verify', reason: 'retired', factors: names(view.retired), retired: true }),
  },
  {
    // Never a set-up on the password alone: whoever stole it would choose the second factor.
    name: 'stranded',
    applies: (view) => view.stranded.length > 0,
    then: () => ({ outcome: 'blocked', reason: 'stranded' }),
  },
  {
    name: 'grace',
    applies: (view) => view.requirement === 'required' && inGrace(view),
    then: (view) => ({ outcome: 'satisfied', reason: 'grace', recommended: true, daysLeft: daysUntil(view) }),
  },
  {
    name: 'noFactor',
    applies: (view) => view.requirement === 'required' && view.facts.available.length === 0,
    then: () => ({ outcome: 'blocked', reason: 'noFactor' }),
  },
  {
    name: 'required',
    applies: (view) => view.requirement === 'required',
    then: (view) => ({ outcome: 'enrol', reason: requiredBy(view), factors: view.facts.available }),
  },
  {
    name: 'optional',
    applies: () => true,
    then: (view) => ({
      outcome: 'satisfied',
      reason: view.requirement === 'off' ? 'off' : 'optional',
      recommended: view.requirement === 'optional',
    }),
  },
];

/** May this person in, must they prove or set up a factor, or can nobody but staff help? Pure. */
export function decide(facts: Facts): Decision {
  const view = viewOf(facts);
  const rule = rules.find((candidate) => candidate.applies(view));
  return rule ? rule.then(view) : { outcome: 'blocked', reason: 'stranded' };
}

/** After a right proof with a factor that is switched off: one that is on must be set up where one is required. */
export function decideAfterRetired(facts: Facts): Decision {
  return decide({ ...facts, enrolments: [] });
}

/** True for somebody who has no primary factor that counts: the one set up now would be the first. */
export function isFirst(facts: Facts): boolean {
  const view = viewOf(facts);
  return view.usable.length + view.retired.length + view.stranded.length === 0;
}

/** True where every primary factor of the person can't be checked now: only staff can help. */
export function isStranded(facts: Facts): boolean {
  const view = viewOf(facts);
  return view.stranded.length > 0 && view.usable.length === 0 && view.retired.length === 0;
}

/** What a person may do with their own factors. */
export function abilitiesOf(facts: Facts): { mayEnrol: boolean; mayDisable: boolean; mayAddAnother: boolean } {
  const view = viewOf(facts);
  const hasUsable = view.usable.length > 0;
  // What is switched off is asked for all the same: who could not turn that off would be asked for ever.
  const enrolled = hasUsable || view.retired.length > 0;
  // Whoever has only factors that can't be checked has no proof but the password: it must not choose the next factor.
  const mayEnrol = (view.requirement === 'optional' || view.requirement === 'required') && !isStranded(facts);
  return {
    mayEnrol,
    mayDisable: enrolled && view.requirement === 'optional' && facts.policy.userMayDisable !== 'never',
    mayAddAnother: mayEnrol && (!hasUsable || facts.policy.multiple === 'many'),
  };
}

/** Recovery factors are no further primary one, so `multiple` says nothing of them; without a primary one they would guard nothing. */
export function mayAddRecovery(facts: Facts): boolean {
  return abilitiesOf(facts).mayEnrol && viewOf(facts).usable.length > 0;
}

/** The recovery factors that the person still has to set up before they are in; none while there is nothing that can be lost. */
export function missingRecovery(facts: Facts): string[] {
  if (viewOf(facts).usable.length === 0 || !abilitiesOf(facts).mayEnrol) return [];
  return facts.mandatory.filter(
    (id) => !facts.enrolments.some((one) => one.factor === id && one.epoch === facts.policy.enrolmentEpoch),
  );
}

/** A factor in the place of another is for whoever may set one up; under "one at a time" only for those who may not turn the old one off first (W3). */
export function mayReplace(facts: Facts): boolean {
  const { mayEnrol, mayDisable } = abilitiesOf(facts);
  return mayEnrol && !(facts.policy.multiple === 'single' && mayDisable);
}

/** One enrolment may go when another usable primary one stays, when the person may turn the factor off, or when it is a recovery factor's. */
export function mayRemove(facts: Facts, enrolmentId: string): boolean {
  const view = viewOf(facts);
  const one = facts.enrolments.find((enrolment) => enrolment.id === enrolmentId);
  if (!one?.installed) return false;
  return (
    one.role === 'recovery' ||
    view.usable.some((enrolment) => enrolment.id !== enrolmentId) ||
    abilitiesOf(facts).mayDisable
  );
}
