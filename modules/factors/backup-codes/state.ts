import { Schema } from 'mongoose';
import type { Enrolment, FactorHost, HashRecord } from '../../kernel/factor.ts';

export type BackupCodesHost = FactorHost<BackupCodesState>;
export type BackupCodes = Enrolment<BackupCodesState>;

/** One code of a set, as stored. */
export interface StoredCode {
  /** Stands in front of the code; no secret. */
  index: number;
  /** Salted, peppered, slow (ASVS 6.5.2): 65 bits are too few for a fast hash. Kept after use, to tell a reuse from a guess. */
  record: HashRecord;
  usedAt: Date | null;
}

/** The private half of a person's one enrolment: the set that works now. */
export interface BackupCodesState {
  /** Tells one set from the next; no secret. */
  setId: string;
  codes: StoredCode[];
}

const storedCode = new Schema<StoredCode>(
  {
    index: { type: Number, required: true },
    record: {
      type: new Schema<HashRecord>(
        { hash: { type: String, required: true }, pepper: { type: String, required: true } },
        { _id: false, strict: 'throw' },
      ),
      required: true,
    },
    usedAt: { type: Date, default: null },
  },
  { _id: false, strict: 'throw' },
);

/** How an enrolment's private half is stored. */
export const backupCodesState = new Schema<BackupCodesState>(
  { setId: { type: String, required: true }, codes: { type: [storedCode], required: true } },
  { _id: false, strict: 'throw' },
);

/** The state after a code was used. */
export function stateAfterUse(state: BackupCodesState, use: { index: number; now: Date }): BackupCodesState {
  const codes = state.codes.map((code) => (code.index === use.index ? { ...code, usedAt: use.now } : code));
  return { ...state, codes };
}

/** How many codes still work. */
export function codesLeft(state: BackupCodesState): number {
  return state.codes.filter(({ usedAt }) => usedAt === null).length;
}

/** From so many on, people are told to make new ones. */
export const fewCodes = 2;

/** The person's set; there is at most one. */
export async function currentSet(host: BackupCodesHost, personId: string): Promise<BackupCodes | null> {
  const sets = await host.enrolments.list(personId);
  return sets.at(-1) ?? null;
}
