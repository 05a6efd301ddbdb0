import { InvalidArgumentError, type Command } from 'commander';
import type { Accounts } from '../../accounts/people.ts';
import { emailKey } from '../../accounts/passwords/email.ts';
import type { SetUp } from '../../accounts/set-up.ts';
import type { Person } from '../../kernel/person.ts';
import { PlainError } from '../../kernel/plain-error.ts';
import type { Audit, Throttle } from '../../kernel/ports.ts';
import { line } from '../../platform/http/forms.ts';
import { resetFactors } from '../../mfa/reset.ts';
import type { Engine } from '../../mfa/engine.ts';
import type { KnownDevices } from '../../sign-in/known-devices.ts';
import { locksOf, unlock } from '../staff/contact-locks.ts';

/** What the rescue commands need of a portal. */
export interface RescuePortal {
  accounts: Accounts;
  audit: Audit;
  engine: Engine;
  setUp: SetUp;
  throttle: Throttle;
  knownDevices: Pick<KnownDevices, 'ofAccount'>;
  baseUrl(): string;
  close(): Promise<void>;
}

/** `create-admin`, `reset-mfa` and `unlock`: the way back in when nobody can sign in. They work beside a running portal, and are audited. */
export function addRescueCommands(program: Command, open: () => Promise<RescuePortal>): void {
  program
    .command('create-admin')
    .description('Prints a link that makes one more Master Admin, once, within 24 hours.')
    .requiredOption('--reason <text>', 'why; kept in the audit', asReason)
    .action((options: { reason: string }) =>
      withPortal(open, async (portal) => {
        const { setUp, audit } = portal;
        const token = await setUp.reopen();
        await audit.record({
          event: 'set-up.reopened',
          outcome: 'success',
          actor: { kind: 'command' },
          target: { kind: 'portal', id: 'set-up' },
          reason: options.reason,
        });
        process.stdout.write(
          `Open this link once, within 24 hours, to create a Master Admin:\n\n  ${portal.baseUrl()}/set-up/${token}\n`,
        );
      }),
    );

  program
    .command('reset-mfa <email>')
    .description(
      'Removes every factor of a person and ends their sign-ins; they set one up again when they next sign in.',
    )
    .requiredOption('--reason <text>', 'why, and how you know that it is them; kept in the audit', asReason)
    .action((email: string, options: { reason: string }) =>
      withPortal(open, async ({ accounts, engine }) => {
        const person = await personOf(accounts, email);
        const removed = await resetFactors(engine, person, { actor: { kind: 'command' }, reason: options.reason });
        process.stdout.write(`Removed ${String(removed)} of ${person.name}’s factors and ended their sign-ins.\n`);
      }),
    );

  program
    .command('unlock <email>')
    .description('Gives a person the tries back that wrong passwords and codes used up; what is set up stays as it is.')
    .requiredOption('--reason <text>', 'why; kept in the audit', asReason)
    .action((email: string, options: { reason: string }) =>
      withPortal(open, async (portal) => {
        const person = await personOf(portal.accounts, email);
        const { password, device, windows, locked } = await locksOf(portal, person);
        if (await unlock(portal, person)) {
          await portal.audit.record({
            event: 'sign-in.unlocked',
            outcome: 'success',
            actor: { kind: 'command' },
            target: { kind: 'person', id: person.id },
            reason: options.reason,
          });
        }
        const full = [
          ...(password ? ['password'] : []),
          ...(device ? ['a known browser'] : []),
          ...windows.map(({ factor }) => factor),
        ];
        process.stdout.write(`${said(person.name, { full, locked })}\n`);
      }),
    );
}

/** One line with something in it: an empty variable in a script gives no reason. */
function asReason(text: string): string {
  const reason = line(200).safeParse(text);
  if (!reason.success) throw new InvalidArgumentError('Say why, in one line of at most 200 characters.');
  return reason.data;
}

function said(name: string, done: { full: readonly string[]; locked: readonly string[] }): string {
  const first =
    done.full.length > 0
      ? `${name} can try again at once (${done.full.join(', ')}).`
      : `Nothing was locked for ${name}.`;
  const still = done.locked.map(
    (factor) => `${factor} stays locked after a hundred wrong codes in a row: only reset-mfa helps.`,
  );
  return [first, ...still].join('\n');
}

async function personOf(accounts: Accounts, email: string): Promise<Person> {
  const found = await accounts.findByEmail(emailKey(email));
  if (!found) throw new PlainError(`Nobody signs in as ${email}.`);
  return found.person;
}

async function withPortal(
  open: () => Promise<RescuePortal>,
  use: (portal: RescuePortal) => Promise<void>,
): Promise<void> {
  const portal = await open();
  try {
    await use(portal);
  } finally {
    await portal.close();
  }
}
