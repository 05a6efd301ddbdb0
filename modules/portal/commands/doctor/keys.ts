import { statSync } from 'node:fs';
import { sep } from 'node:path';
import type { Connection } from 'mongoose';
import type { Config } from '../../../../config/index.ts';
import { KeyError, keyPurposes, readKeys, type KeyRing } from '../../../platform/keys.ts';
import { ok, warning, wrong, type Finding, type Seen } from './finding.ts';

const sealed = /^v1\.([A-Za-z0-9_-]{1,32})\.[A-Za-z0-9_-]{38,}$/;

/** The folder and its files: there, this user's alone, one key for each purpose and no two alike. */
export function lookAtKeys(config: Config): Seen<KeyRing | null> {
  const { keysDir, dataDir, production } = config;
  const folder = statSync(keysDir, { throwIfNoEntry: false });
  if (!folder && config.mayMakeKeys)
    return { value: null, findings: [warning('There are no keys yet.', 'The first start makes them.')] };
  const findings: Finding[] = [];
  if (folder && (folder.mode & 0o077) !== 0)
    findings.push(wrong(`Others on this machine may enter ${keysDir}.`, `chmod 700 ${keysDir}`));
  if (production && keysDir.startsWith(dataDir + sep))
    findings.push(
      warning(
        'The keys lie in the data folder: who gets a copy of it can open all of it.',
        'Move them elsewhere, and back them up apart from the data.',
      ),
    );
  try {
    const keys = readKeys(keysDir, { ownerOnly: true });
    const older = keyPurposes.filter((purpose) => keys[purpose].length > 1);
    if (findings.length === 0)
      findings.push(ok(`one for each purpose${older.length > 0 ? `; older ones, too: ${older.join(', ')}` : ''}`));
    return { value: keys, findings };
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    return { value: null, findings: [...findings, wrong(error.message, `Look into ${keysDir}.`)] };
  }
}

/** Whether these keys made what lies in the database: else nobody can sign in, and nothing else says why. */
export async function lookAtFit(connection: Connection, keys: KeyRing): Promise<Finding> {
  const ids = { pepper: new Set(keys.pepper.map(({ id }) => id)), seal: new Set(keys.seal.map(({ id }) => id)) };
  const people = connection.collection('people');
  const used = (await people.distinct('password.pepper')).filter((id) => typeof id === 'string');
  const lost = used.filter((id) => !ids.pepper.has(id));
  const passwords = lost.length === 0 ? 0 : await people.countDocuments({ 'password.pepper': { $in: lost } });
  const secrets = await countSealed(connection, 'enrolments', (id) => !ids.seal.has(id));
  const mails = await countSealed(connection, 'outbox', (id) => !ids.seal.has(id));
  const lines = [
    [passwords, 'passwords (pepper)'],
    [secrets, 'factors (seal)'],
    [mails, 'mails (seal)'],
  ] as const;
  const missing = lines.filter(([count]) => count > 0).map(([count, what]) => `${String(count)} ${what}`);
  if (missing.length === 0) return ok('they fit the data');
  return wrong(
    `The keys that these were made with are not in KEYS_DIR: ${missing.join(', ')}. Their people can’t sign in.`,
    'Put back the key files of the backup that the data came from, or the older lines that were removed.',
  );
}

// What a factor seals is its own business, and where: any text of the sealer's form counts, once for each row.
async function countSealed(
  connection: Connection,
  collection: string,
  isMissing: (keyId: string) => boolean,
): Promise<number> {
  let count = 0;
  for await (const row of connection.collection(collection).find({}))
    if (sealedBy(row).some((id) => isMissing(id))) count += 1;
  return count;
}

function sealedBy(value: unknown): string[] {
  if (typeof value === 'string') return sealed.exec(value)?.slice(1, 2) ?? [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(sealedBy) : [];
}
