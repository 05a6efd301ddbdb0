import type { Person } from '../../../kernel/person.ts';

/** A contact for tests of the password sign-in. */
export function makePerson(change: Partial<Person> = {}): Person {
  return {
    ...{ id: 'p1', kind: 'contact', email: 'ann@acme.example', name: 'Ann Lee', companyId: 'c1', companyName: 'Acme' },
    ...{ profileId: null, profileName: null, permissions: [], masterAdmin: false, disabled: false, sessionEpoch: 0 },
    ...{ staffWord: 'inherit', companyWord: 'inherit', graceUntil: null, passwordSetAt: null, passwordShort: false },
    ...{ language: null, timeZone: null, emailConfirmed: false, hasPassword: true, mfaState: 'none' },
    ...{ companyAdmin: false, disabledByCompany: false, createdAt: new Date(0) },
    lastSignInAt: null,
    ...change,
  };
}
