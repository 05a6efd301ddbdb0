import type { Connection } from 'mongoose';
import { PlainError } from '../kernel/plain-error.ts';

/** The version of what is stored. Raised with a numbered migration. */
export const schemaVersion = 1;

/** Notes the version in a new database; refuses data that a newer portal has written. */
export async function checkSchemaVersion(connection: Connection): Promise<void> {
  const rows = connection.collection<{ _id: string; version: number }>('schema');
  await rows.updateOne({ _id: 'portal' }, { $setOnInsert: { version: schemaVersion } }, { upsert: true });
  const row = await rows.findOne({ _id: 'portal' });
  if ((row?.version ?? 0) > schemaVersion) {
    throw new PlainError(
      `This database was written by a newer Gatehouse (version ${String(row?.version)} of its data; this one knows ${String(schemaVersion)}). Start the newer one.`,
    );
  }
}
