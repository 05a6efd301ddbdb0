import { Refused } from '../../kernel/errors.ts';
import type { Person } from '../../kernel/person.ts';
import type { AuditEntry } from '../../kernel/ports.ts';
import { resetFactors } from '../../mfa/reset.ts';
import type { CompanyPorts } from './company-ports.ts';

interface By {
  actor: AuditEntry['actor'];
  reason: string;
}

/** Something that a company's administrator does to a colleague, with a page of its own in front of it. */
export interface CompanyAction {
  /** The last part of the address, and of the keys of its texts: `company.action.<path>`. */
  path: string;
  danger: boolean;
  /** The reason ought to say how they know that it is them. */
  proof: boolean;
  /** False: the user's page does not offer it now. */
  offered(user: Person): boolean;
  /** False: nothing was changed, for somebody else was first. */
  run(ports: CompanyPorts, user: Person, by: By): Promise<boolean>;
}

const ofCompany = (companyId: string | null) => (now: Person) => {
  if (now.companyId !== companyId) throw new Refused('not-found');
};

async function setEnabled(
  ports: CompanyPorts,
  user: Person,
  { enable, ...by }: By & { enable: boolean },
): Promise<boolean> {
  const check = (now: Person) => {
    ofCompany(user.companyId)(now);
    // What staff closed, for fraud say, only staff open.
    if (enable && now.disabled && !now.disabledByCompany) throw new Refused('forbidden');
  };
  const { standing, signIns } = ports;
  const changed = await (enable ? standing.enable(user.id, check) : standing.disable(user.id, check, 'company'));
  if (!changed) return false;
  if (!enable) await signIns.endAllOf(user.id, { actor: by.actor, reason: 'account-closed' });
  const event = enable ? 'person.enabled' : 'person.disabled';
  await ports.audit.record({ event, outcome: 'success', target: { kind: 'person', id: user.id }, ...by });
  return true;
}

async function setAdministrator(
  ports: CompanyPorts,
  user: Person,
  { give, ...by }: By & { give: boolean },
): Promise<boolean> {
  const release = await ports.accounts.lock(user.id);
  try {
    const now = await ports.accounts.byId(user.id);
    if (!now) throw new Refused('not-found');
    ofCompany(user.companyId)(now);
    if (now.companyAdmin === give) return false;
    if (give && now.disabled) throw new Refused('forbidden');
    await ports.accounts.edit(user.id, { companyAdmin: give });
  } finally {
    await release();
  }
  await ports.audit.record({
    event: 'person.edited',
    outcome: 'success',
    target: { kind: 'person', id: user.id },
    ...by,
    detail: { companyAdminBefore: !give, companyAdminAfter: give },
  });
  await ports.signIns.endAllOf(user.id, { actor: by.actor, reason: 'profile-changed' });
  return true;
}

/** What a company's administrators can do to each other and to everybody else of the company, never to themselves. */
export const companyActions: readonly CompanyAction[] = [
  {
    path: 'reset-mfa',
    danger: true,
    proof: true,
    offered: () => true,
    async run({ engine, signIns }, user, { actor, reason }) {
      await resetFactors(engine, user, { actor, reason, check: ofCompany(user.companyId) });
      await signIns.endAllOf(user.id, { actor, reason: 'factor-removed' });
      return true;
    },
  },
  {
    path: 'give-admin',
    danger: false,
    proof: false,
    offered: (user) => !user.companyAdmin && !user.disabled,
    run: (ports, user, by) => setAdministrator(ports, user, { give: true, ...by }),
  },
  {
    path: 'take-admin',
    danger: true,
    proof: false,
    offered: (user) => user.companyAdmin,
    run: (ports, user, by) => setAdministrator(ports, user, { give: false, ...by }),
  },
  {
    path: 'disable',
    danger: true,
    proof: false,
    offered: (user) => !user.disabled,
    run: (ports, user, by) => setEnabled(ports, user, { enable: false, ...by }),
  },
  {
    path: 'enable',
    danger: false,
    proof: true,
    offered: (user) => user.disabledByCompany,
    run: (ports, user, by) => setEnabled(ports, user, { enable: true, ...by }),
  },
];
