import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Connection } from 'mongoose';
import type { Clock } from '../../../kernel/ports.ts';
import { ok, warning, wrong, type Finding } from './finding.ts';

const noticeable = 2;
const harmful = 15;

/** How far this machine's clock is from the database's, which expires rows by its own. */
export async function lookAtClock(connection: Connection, clock: Clock): Promise<Finding> {
  const asked = clock.now().getTime();
  const hello = await connection.db?.command({ hello: 1 });
  const answered = clock.now().getTime();
  const theirs = (hello?.['localTime'] as Date | undefined)?.getTime() ?? asked;
  // The answer was written at some moment in between: only what lies outside of it is a difference.
  const seconds = Math.max(0, asked - theirs, theirs - answered) / 1000;
  const found = `${seconds.toFixed(1)} seconds from the database’s clock`;
  if (seconds > harmful) return wrong(`${found}: codes fail.`, 'Run NTP on both machines.');
  return seconds > noticeable ? warning(`${found}.`, 'Run NTP on both machines.') : ok(found);
}

/** Whether the machine's clock is kept right. */
export function judgeSync(synchronized: 'yes' | 'no' | null): Finding {
  if (synchronized === 'yes') return ok('kept right by NTP');
  if (synchronized === 'no')
    return warning(
      'The clock is not kept right: codes fail once it is half a minute off.',
      'Run NTP: systemd-timesyncd, chrony, or the host’s.',
    );
  return warning('Whether the clock is kept right can’t be read here.', 'Make sure that NTP runs on this machine.');
}

/** What the kernel and systemd say; no server is asked. Null where neither can be read. */
export async function readSync(): Promise<'yes' | 'no' | null> {
  if (existsSync('/run/systemd/timesync/synchronized')) return 'yes';
  const args = ['show', '--property=NTPSynchronized', '--value'];
  const answer = await new Promise<string>((resolve) => {
    execFile('timedatectl', args, { timeout: 2000, encoding: 'utf8' }, (_error, stdout) => {
      resolve(stdout.trim());
    });
  });
  return answer === 'yes' || answer === 'no' ? answer : null;
}
