import type { Request } from 'express';
import type { Ceiling } from '../../kernel/ports.ts';
import { carriedOver } from './codes.ts';
import type { MobileNumber } from './numbers.ts';
import { smsPolicy, type SmsPolicy } from './policy.ts';
import type { Sms } from './sending.ts';
import { numberOf, type Phone, type SmsHost, type SmsState } from './state.ts';

/** What the policy says of set-ups, for the visitor of an enrolment page. */
export async function policyOf(host: SmsHost, req: Request): Promise<SmsPolicy> {
  return smsPolicy.parse(await host.policy(host.person(req)));
}

/** The visitor's running set-up, unless there is none, it is over, or its number can't be opened. */
export async function runningSetUp(host: SmsHost, req: Request): Promise<Phone | null> {
  const phone = await host.enrolments.pending(host.owner(req));
  return phone && numberOf(host, phone) !== null ? phone : null;
}

/** The phone that codes go to now: a person has one. */
export async function activePhone(host: SmsHost, personId: string): Promise<Phone | null> {
  return (await host.enrolments.list(personId))[0] ?? null;
}

/** Between two messages of a person's set-ups, of whichever sign-in and number: a set-up that is left takes its own waits with it. */
const pace: Ceiling = { tries: 1, windowSeconds: 60 };
const paceKey = (personId: string) => ['set-up message', personId];

export const setUpPace = {
  take: ({ throttle }: SmsHost, personId: string) => throttle.take(paceKey(personId), pace),
  /** When the next one may leave; null: now. */
  fullUntil: ({ throttle }: SmsHost, personId: string) => throttle.fullUntil(paceKey(personId), pace),
  /** The code came back: nobody waits for having answered. */
  clear: ({ throttle }: SmsHost, personId: string) => throttle.clear(paceKey(personId), pace),
};

/** Keeps a number as unverified: it gets no code but on demand, and counts for nothing (W4). An earlier one of this sign-in is dead. */
export async function saveNumber(
  { host }: Sms,
  req: Request,
  { number, name }: { number: MobileNumber; name: string },
): Promise<Phone> {
  const person = host.person(req);
  const numberKey = host.fingerprint(`number ${number.number}`);
  const known = await isColleagues(host, req, numberKey);
  // Saving it again starts no count of this set-up anew: neither its waits, nor, for the same number, the wrong tries.
  const before = await host.enrolments.pending(host.owner(req));
  const sent = carriedOver(before?.state.sent ?? null, before?.state.numberKey === numberKey);
  const make = (enrolmentId: string): SmsState => ({
    sealedNumber: host.seal(enrolmentId, person.id, number.number),
    numberKey,
    fingerprint: null,
    masked: number.masked,
    country: number.country,
    verified: known ? 'colleague' : 'no',
    sent,
  });
  const wanted = name === '' ? host.translate(req)('sms.enrol.defaultName', { number: number.masked }) : name;
  const phone = await host.enrolments.begin(person, make, wanted, host.owner(req).signInId);
  await host.audit(req, 'number-added', { enrolmentId: phone.id });
  return phone;
}

/** What a set-up looks like to the pages: a number is wanted, a message, its code, or the word that turns it on. */
export type Step = 'number' | 'send' | 'code' | 'enable';

/** Where a set-up stands. */
export function stepOf(phone: Phone | null): Step {
  if (!phone) return 'number';
  if (phone.state.verified !== 'no') return 'enable';
  return phone.state.sent?.phone === phone.id ? 'code' : 'send';
}

/** Whether the policy lets a number of a colleague's pass without a message, and this is one. */
async function isColleagues(host: SmsHost, req: Request, numberKey: string): Promise<boolean> {
  const { trustVerifiedAccountNumbers } = await policyOf(host, req);
  return trustVerifiedAccountNumbers && (await host.enrolments.colleagueHas(host.person(req), numberKey));
}

/** Turns a verified phone on. Null: somebody else did, it is over, or it must be verified after all. */
export async function activate(host: SmsHost, req: Request, phone: Phone): Promise<Phone | null> {
  const { verified, numberKey } = phone.state;
  if (verified === 'no') return null;
  // Asked again: the policy, or the colleague, may be another by now.
  if (verified === 'colleague' && !(await isColleagues(host, req, numberKey))) {
    await host.enrolments.swap(phone, { ...phone.state, verified: 'no' });
    return null;
  }
  return host.enrolments.confirm(phone, { state: { ...phone.state, sent: null }, name: phone.name });
}
