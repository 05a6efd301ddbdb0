/** A sentence for the person at the terminal, who can mend it: no stack is printed for it. */
export class PlainError extends Error {
  override name = 'PlainError';
}
