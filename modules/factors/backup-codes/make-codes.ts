import { randomUUID } from 'node:crypto';
import type { Person } from '../../kernel/person.ts';
import { newCode, showCode } from './codes.ts';
import { currentSet, type BackupCodes, type BackupCodesHost, type BackupCodesState, type StoredCode } from './state.ts';

/** Rounds of read and compare-and-set: a code that is used in between changes the enrolment too. */
const swapRounds = 5;

/** A new set: the codes as they are shown, once, and the enrolment they now belong to. */
export interface MadeCodes {
  set: BackupCodes;
  codes: string[];
  /** The person had none before. */
  first: boolean;
}

export interface CodesWanted {
  person: Person;
  count: number;
  name: string;
  /** The set that the person saw, empty for none: only that one is replaced. */
  seen: string;
}

/** Makes a set of codes in place of the one that was seen, whose codes are dead from then on. Null: somebody else was first. */
export async function makeCodes(host: BackupCodesHost, wanted: CodesWanted): Promise<MadeCodes | null> {
  const before = await currentSet(host, wanted.person.id);
  if ((before?.state.setId ?? '') !== wanted.seen) return null;
  const { codes, state } = await newSet(host, wanted);
  const set = before ? await replaceSet(host, before, state) : await firstSet(host, wanted, state);
  return set && { set, codes, first: before === null };
}

async function newSet(
  host: BackupCodesHost,
  wanted: CodesWanted,
): Promise<{ codes: string[]; state: BackupCodesState }> {
  const shown: string[] = [];
  const codes: StoredCode[] = [];
  // One after the other: sixteen hashes at once would stand in front of everybody who signs in.
  for (let index = 1; index <= wanted.count; index += 1) {
    const text = newCode();
    shown.push(showCode({ index, text }));
    codes.push({ index, record: await host.hash(wanted.person.id, text), usedAt: null });
  }
  return { codes: shown, state: { setId: randomUUID(), codes } };
}

async function replaceSet(
  host: BackupCodesHost,
  seen: BackupCodes,
  next: BackupCodesState,
): Promise<BackupCodes | null> {
  let set: BackupCodes | null = seen;
  for (let round = 0; round < swapRounds && set?.state.setId === seen.state.setId; round += 1) {
    if (await host.enrolments.swap(set, next)) return { ...set, state: next };
    set = await currentSet(host, seen.personId);
  }
  return null;
}

async function firstSet(
  host: BackupCodesHost,
  wanted: CodesWanted,
  state: BackupCodesState,
): Promise<BackupCodes | null> {
  const begun = await host.enrolments.begin(wanted.person, () => state, wanted.name);
  // One set for each person: whoever began later drops our pending one, whoever confirmed before we began is seen here.
  if (await currentSet(host, wanted.person.id)) {
    await host.enrolments.discard({ personId: wanted.person.id, signInId: null });
    return null;
  }
  return host.enrolments.confirm(begun, { state, name: begun.name });
}
