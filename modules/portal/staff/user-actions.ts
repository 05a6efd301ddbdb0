import type { CheckStanding } from '../../accounts/standing.ts';
import type { Permission, Person } from '../../kernel/person.ts';
import type { AuditEntry, Translate } from '../../kernel/ports.ts';
import { resetFactors } from '../../mfa/reset.ts';
import { factorsOf } from './contact-page.ts';
import { removePerson } from './user-removal.ts';
import type { UsersPorts } from './users-ports.ts';

/** Who does it, why, and whether they still may: asked again once nobody else can change the person. */
export interface ActionBy {
  actor: AuditEntry['actor'];
  reason: string;
  check: CheckStanding;
}

/** Something done to a member of staff that has a page of its own in front of it. */
export interface UserAction {
  /** The last part of the address. */
  path: string;
  permission: Permission;
  /** A reason is asked for and kept in the audit. */
  reasoned: boolean;
  danger: boolean;
  /** Catalogue keys. */
  heading: string;
  consequences: readonly string[];
  proof?: string;
  submit: string;
  done: string;
  /** Says why there is nothing to do; null where there is. */
  idle(user: Person): string | null;
  facts?(ports: UsersPorts, user: Person, t: Translate): Promise<{ term: string; text: string }[]>;
  /** False: nothing was changed, for somebody else was first. */
  run(ports: UsersPorts, user: Person, by: ActionBy): Promise<boolean>;
}

const never = () => null;

async function setEnabled(
  ports: UsersPorts,
  user: Person,
  { enable, actor, reason, check }: ActionBy & { enable: boolean },
): Promise<boolean> {
  const { standing, signIns, audit } = ports;
  if (!(await (enable ? standing.enable(user.id, check) : standing.disable(user.id, check)))) return false;
  await audit.record({
    event: enable ? 'person.enabled' : 'person.disabled',
    outcome: 'success',
    actor,
    target: { kind: 'person', id: user.id },
    reason,
  });
  if (!enable) await signIns.endAllOf(user.id, { actor, reason: 'account-closed' });
  return true;
}

/** What can be done to a member of staff that needs a second look. */
export const userActions: readonly UserAction[] = [
  {
    path: 'reset-mfa',
    permission: 'mfa.reset.user',
    reasoned: true,
    danger: true,
    heading: 'staff.reset.heading',
    consequences: ['staff.reset.stops', 'staff.reset.signIns', 'staff.reset.next', 'staff.reset.undo'],
    proof: 'users.reset.proof',
    submit: 'staff.reset.submit',
    done: 'staff.reset.done',
    idle: never,
    async facts(ports, user, t) {
      const held = await factorsOf(ports, user, { t, facts: await ports.engine.facts(user) });
      return held.length === 0 ? [{ term: t('staff.reset.what'), text: t('staff.reset.nothing') }] : held;
    },
    async run({ engine, signIns }, user, { actor, reason, check }) {
      await resetFactors(engine, user, { actor, reason, check });
      await signIns.endAllOf(user.id, { actor, reason: 'factor-removed' });
      return true;
    },
  },
  {
    path: 'disable',
    permission: 'users.manage',
    reasoned: true,
    danger: true,
    heading: 'staff.disable.heading',
    consequences: ['staff.disable.signIns', 'staff.disable.links', 'staff.disable.kept', 'staff.disable.undo'],
    submit: 'staff.disable.submit',
    done: 'staff.disable.done',
    idle: ({ disabled }) => (disabled ? 'staff.disable.already' : null),
    run: (ports, user, by) => setEnabled(ports, user, { enable: false, ...by }),
  },
  {
    path: 'enable',
    permission: 'users.manage',
    reasoned: true,
    danger: false,
    heading: 'staff.enable.heading',
    consequences: ['staff.enable.signIn', 'staff.enable.invitation'],
    proof: 'staff.enable.proof',
    submit: 'staff.enable.submit',
    done: 'staff.enable.done',
    idle: ({ disabled }) => (disabled ? null : 'staff.enable.already'),
    run: (ports, user, by) => setEnabled(ports, user, { enable: true, ...by }),
  },
  {
    path: 'end-sessions',
    permission: 'users.manage',
    reasoned: false,
    danger: true,
    heading: 'staff.endSignIns.heading',
    consequences: ['staff.endSignIns.everywhere', 'staff.endSignIns.again'],
    submit: 'staff.endSignIns.submit',
    done: 'staff.endSignIns.done',
    idle: never,
    async run({ signIns }, user, { actor }) {
      await signIns.endAllOf(user.id, { actor, reason: 'ended-by-staff' });
      return true;
    },
  },
  {
    path: 'remove',
    permission: 'users.manage',
    reasoned: true,
    danger: true,
    heading: 'users.remove.heading',
    consequences: ['users.remove.account', 'users.remove.audit', 'users.remove.instead', 'users.remove.undo'],
    submit: 'users.remove.submit',
    done: 'users.remove.done',
    idle: never,
    async run(ports, user, by) {
      await removePerson(ports, user, by);
      return true;
    },
  },
];
