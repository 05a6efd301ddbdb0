import type { Person, Permission } from '../../kernel/person.ts';
import type { AuditEntry, Translate } from '../../kernel/ports.ts';
import { resetFactors } from '../../mfa/reset.ts';
import { factorsOf } from './contact-page.ts';
import type { CustomersPorts } from './customers-ports.ts';

type Actor = AuditEntry['actor'];

/** Something done to one contact that has a page of its own in front of it: who, what, and what cannot be undone. */
export interface DangerousAction {
  /** The last part of the address. */
  path: string;
  permission: Permission;
  /** It changes who can sign in, or how: a fresh proof comes first. */
  fresh: boolean;
  /** A reason is asked for and kept in the audit. */
  reasoned: boolean;
  danger: boolean;
  /** Catalogue keys. */
  heading: string;
  consequences: readonly string[];
  /** How to make sure that it is them. */
  proof?: string;
  submit: string;
  done: string;
  /** Says why there is nothing to do; null where there is. */
  idle(contact: Person): string | null;
  /** What it is about, besides who. */
  facts?(ports: CustomersPorts, contact: Person, t: Translate): Promise<{ term: string; text: string }[]>;
  /** False: nothing was changed, for somebody else was first. */
  run(ports: CustomersPorts, contact: Person, by: { actor: Actor; reason: string }): Promise<boolean>;
}

const never = () => null;
const target = ({ id }: Person) => ({ kind: 'person' as const, id });

async function setEnabled(
  ports: CustomersPorts,
  contact: Person,
  { enable, actor, reason }: { enable: boolean; actor: Actor; reason: string },
): Promise<boolean> {
  const changed = await (enable ? ports.standing.enable(contact.id) : ports.standing.disable(contact.id));
  if (!changed) return false;
  if (!enable) await ports.signIns.endAllOf(contact.id, { actor, reason: 'account-closed' });
  const disabled = changed.before.disabled ? 'person.kept-disabled' : 'person.disabled';
  await ports.audit.record({
    event: enable ? 'person.enabled' : disabled,
    outcome: 'success',
    actor,
    target: target(contact),
    reason,
  });
  return true;
}

/** The company's requirement can outlive its Admin tab, where only staff are left to take it away. */
async function takeCompanyWord(
  ports: CustomersPorts,
  contact: Person,
  { actor, reason }: { actor: Actor; reason: string },
): Promise<boolean> {
  const release = await ports.accounts.lock(contact.id);
  try {
    if ((await ports.accounts.byId(contact.id))?.companyWord !== 'required') return false;
    await ports.accounts.edit(contact.id, { companyWord: 'inherit' });
  } finally {
    await release();
  }
  await ports.audit.record({
    event: 'person.edited',
    outcome: 'success',
    actor,
    target: target(contact),
    reason,
    detail: { companyWordBefore: 'required', companyWordAfter: 'inherit' },
  });
  return true;
}

/** What staff can do to a contact that needs a second look. */
export const dangerousActions: readonly DangerousAction[] = [
  {
    path: 'reset-mfa',
    permission: 'mfa.reset.user',
    fresh: true,
    reasoned: true,
    danger: true,
    heading: 'staff.reset.heading',
    consequences: ['staff.reset.stops', 'staff.reset.signIns', 'staff.reset.next', 'staff.reset.undo'],
    proof: 'staff.reset.proof',
    submit: 'staff.reset.submit',
    done: 'staff.reset.done',
    idle: never,
    async facts(ports, contact, t) {
      const held = await factorsOf(ports, contact, { t, facts: await ports.engine.facts(contact) });
      return held.length === 0 ? [{ term: t('staff.reset.what'), text: t('staff.reset.nothing') }] : held;
    },
    async run({ engine, signIns }, contact, { actor, reason }) {
      await resetFactors(engine, contact, { actor, reason });
      await signIns.endAllOf(contact.id, { actor, reason: 'factor-removed' });
      return true;
    },
  },
  {
    path: 'company-requirement',
    permission: 'mfa.require.user',
    fresh: true,
    reasoned: true,
    danger: true,
    heading: 'staff.companyWord.heading',
    consequences: ['staff.companyWord.then', 'staff.companyWord.kept', 'staff.companyWord.again'],
    submit: 'staff.companyWord.submit',
    done: 'staff.companyWord.done',
    idle: ({ companyWord }) => (companyWord === 'required' ? null : 'staff.companyWord.already'),
    run: takeCompanyWord,
  },
  {
    path: 'disable',
    permission: 'customers.edit',
    fresh: true,
    reasoned: true,
    danger: true,
    heading: 'staff.disable.heading',
    consequences: ['staff.disable.signIns', 'staff.disable.links', 'staff.disable.kept', 'staff.disable.undo'],
    submit: 'staff.disable.submit',
    done: 'staff.disable.done',
    idle: ({ disabled }) => (disabled ? 'staff.disable.already' : null),
    run: (ports, contact, by) => setEnabled(ports, contact, { enable: false, ...by }),
  },
  {
    path: 'keep-disabled',
    permission: 'customers.edit',
    fresh: true,
    reasoned: true,
    danger: true,
    heading: 'staff.keepDisabled.heading',
    consequences: ['staff.keepDisabled.company', 'staff.keepDisabled.staff'],
    submit: 'staff.keepDisabled.submit',
    done: 'staff.keepDisabled.done',
    idle: ({ disabledByCompany }) => (disabledByCompany ? null : 'staff.keepDisabled.already'),
    run: (ports, contact, by) => setEnabled(ports, contact, { enable: false, ...by }),
  },
  {
    path: 'enable',
    permission: 'customers.edit',
    fresh: true,
    reasoned: true,
    danger: false,
    heading: 'staff.enable.heading',
    consequences: ['staff.enable.signIn', 'staff.enable.invitation'],
    proof: 'staff.enable.proof',
    submit: 'staff.enable.submit',
    done: 'staff.enable.done',
    idle: ({ disabled }) => (disabled ? null : 'staff.enable.already'),
    run: (ports, contact, by) => setEnabled(ports, contact, { enable: true, ...by }),
  },
  {
    path: 'end-sessions',
    permission: 'customers.edit',
    fresh: false,
    reasoned: false,
    danger: true,
    heading: 'staff.endSignIns.heading',
    consequences: ['staff.endSignIns.everywhere', 'staff.endSignIns.again'],
    submit: 'staff.endSignIns.submit',
    done: 'staff.endSignIns.done',
    idle: never,
    async run({ signIns }, contact, { actor }) {
      await signIns.endAllOf(contact.id, { actor, reason: 'ended-by-staff' });
      return true;
    },
  },
];
