import assert from 'node:assert/strict';
import type { TestPortal } from '../../support/portal.ts';

// Counting and noting what was refused is meant to be written; everything else must stay as it is.
const meant = new Set(['auditEvents', 'throttles', 'factorFailures']);

/** Everything that is stored, as text; without what refusals write on purpose, and without the time of the last visit. */
export async function dumpDatabase(portal: TestPortal, options: { all?: boolean } = {}): Promise<string> {
  const { db } = portal.database.connection;
  if (!db) throw new Error('The database is not connected.');
  const collections = await db.listCollections({}, { nameOnly: true }).toArray();
  const names = collections
    .map(({ name }) => name)
    .filter((name) => (options.all === true || !meant.has(name)) && !name.startsWith('system.'));
  const parts: string[] = [];
  for (const name of names.sort()) {
    const rows = await db.collection(name).find().sort({ _id: 1 }).toArray();
    parts.push(
      ...rows.map((row) => `${name} ${JSON.stringify(options.all === true ? row : { ...row, lastSeenAt: undefined })}`),
    );
  }
  return parts.join('\n');
}

/** Runs `act` and fails where it changed anything that is stored. */
export async function assertUnchanged<T>(portal: TestPortal, act: () => Promise<T>, what: string): Promise<T> {
  const before = await dumpDatabase(portal);
  const result = await act();
  assert.equal(await dumpDatabase(portal), before, `${what} changed what is stored`);
  return result;
}

/** The names of the audit's events so far, oldest first. */
export async function auditEvents(portal: TestPortal): Promise<string[]> {
  const rows = await portal.database.connection.collection('auditEvents').find().sort({ _id: 1 }).toArray();
  return rows.map((row) => String(row['event']));
}
