import { z } from 'zod';
import type { BackupCodes, BackupCodesHost } from './state.ts';

/** How long after they were made the codes can be downloaded. */
export const keepsakeMinutes = 10;

const keepsakeForm = z.object({
  set: z.string(),
  codes: z.array(z.string()).max(16),
  made: z.number(),
  until: z.number(),
});

/** What a download contains. */
export interface Keepsake {
  codes: string[];
  made: Date;
}

/** The shown codes in an envelope that only the portal opens, for this person and set, for ten minutes: nothing readable is stored for a download. */
export function sealCodes(host: BackupCodesHost, set: BackupCodes, codes: readonly string[]): string {
  const made = host.now().getTime();
  const keepsake = { set: set.state.setId, codes, made, until: made + keepsakeMinutes * 60_000 };
  return host.seal(set.id, set.personId, JSON.stringify(keepsake));
}

/** Opens an envelope; null where it is over, another person's, of a set that was replaced, or no envelope at all. */
export function openCodes(host: BackupCodesHost, set: BackupCodes, sealed: string): Keepsake | null {
  let plain: string;
  try {
    plain = host.open(set.id, set.personId, sealed);
  } catch {
    return null;
  }
  const { set: setId, codes, made, until } = keepsakeForm.parse(JSON.parse(plain));
  return setId === set.state.setId && host.now().getTime() < until ? { codes, made: new Date(made) } : null;
}
