import { sentenceFor } from '../../../platform/explain.ts';

/** What one look found: all is well, it will bite one day, or it bites now. Whatever is not well says what to do. */
export type Finding = { state: 'ok'; found: string } | { state: 'warning' | 'wrong'; found: string; todo: string };

/** A finding with the name of the check that made it. */
export type Line = Finding & { check: string };

/** What a look found, and what later looks need of it. */
export interface Seen<T> {
  findings: readonly Finding[];
  value: T;
}

export const ok = (found: string): Finding => ({ state: 'ok', found });
export const warning = (found: string, todo: string): Finding => ({ state: 'warning', found, todo });
export const wrong = (found: string, todo: string): Finding => ({ state: 'wrong', found, todo });

type Awaitable<T> = T | Promise<T>;

/** All findings so far. A look that throws or does not come back is a finding too: one broken thing must not hide the others. */
export class Report {
  readonly lines: Line[] = [];

  /** Takes a look. */
  async note(check: string, look: () => Awaitable<Finding | readonly Finding[]>, limitMs?: number): Promise<void> {
    await this.learn(check, async () => ({ findings: [await look()].flat(), value: null }), limitMs);
  }

  /** Takes a look that later ones build on; null when it failed. */
  async learn<T>(check: string, look: () => Awaitable<Seen<T>>, limitMs = 15_000): Promise<T | null> {
    try {
      const { findings, value } = await within(limitMs, Promise.resolve(look()));
      for (const finding of findings) this.lines.push({ check, ...finding });
      return value;
    } catch (error) {
      const text = sentenceFor(error) ?? (error instanceof Error ? error.message : String(error));
      this.lines.push({ check, ...wrong(text, 'Mend this, then ask again.') });
      return null;
    }
  }
}

/** Waits so long and no longer. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`No answer within ${String(ms / 1000)} seconds.`));
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
