import { PlainError } from '../../../kernel/plain-error.ts';
import { numberedContact, type ContactPattern, type NumberedContact } from '../demo-contacts.ts';
import { codeOf, stepAt } from './authenticator.ts';

/** One contact, taken for one sign-in. */
export interface TakenContact extends NumberedContact {
  /** A code that this contact has not used; each step works once, as for anybody. */
  code(): string;
}

interface Known extends NumberedContact {
  usedStep: number;
}

/** Hands out the contacts of a pattern, each to one sign-in at a time, whoever has rested longest first. */
export class ContactsInTurn {
  private readonly resting: Known[];
  private readonly now: () => number;

  constructor(pattern: ContactPattern, now: () => number) {
    this.now = now;
    this.resting = Array.from({ length: pattern.numbers.last }, (_, index) => ({
      ...numberedContact(pattern, index + 1),
      usedStep: -1,
    }));
  }

  async with<T>(use: (contact: TakenContact) => Promise<T>): Promise<T> {
    const contact = this.resting.shift();
    if (!contact) throw new PlainError('Every contact is signing in. Name a larger number with --contacts.');
    try {
      return await use({ ...contact, code: () => this.codeOf(contact) });
    } finally {
      this.resting.push(contact);
    }
  }

  // The next step is accepted too, for clocks that are a little fast: a contact whose turn comes early takes it.
  private codeOf(contact: Known): string {
    const step = stepAt(this.now());
    const free = Math.max(step, contact.usedStep + 1);
    if (free > step + 1)
      throw new PlainError('A contact has used up its codes. Name a larger number of contacts with --contacts.');
    contact.usedStep = free;
    return codeOf(contact.secret, free);
  }
}
