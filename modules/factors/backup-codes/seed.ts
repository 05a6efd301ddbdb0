import type { Person } from '../../kernel/person.ts';
import { makeCodes } from './make-codes.ts';
import { countFor, type BackupCodesPages } from './pages.ts';

/** Makes codes for a person of the seeded example; gives them, as the person's paper would hold them. */
export async function seedCodes(pages: BackupCodesPages, person: Person): Promise<{ backupCodes: string[] }> {
  const { host } = pages;
  const made = await makeCodes(host, { person, count: await countFor(pages, person), name: 'Backup codes', seen: '' });
  if (!made) throw new Error('The example could not be set up.');
  return { backupCodes: made.codes };
}
