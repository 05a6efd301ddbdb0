// What a test needs to use any factor as a person would; each factor brings its own, in its folder.
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';
import type { Visitor } from './http.ts';

const folder = fileURLToPath(new URL('../../modules/factors', import.meta.url));

/** What the person's device, or drawer, holds after a set-up. */
export interface Enrolled {
  secret: string;
  /** Codes that work once each and were not given out yet, where the factor has such. */
  codes?: string[];
}

/** One factor, used from outside: pages and codes, nothing of its inside. */
export interface FactorDriver {
  id: string;
  /** A recovery factor can be set up only where a primary one is. */
  role: 'primary' | 'recovery';
  /** Sets the factor up in a browser that may; uses up the code of `now`. */
  enrol(client: Pick<Visitor, 'get' | 'submit'>, now: Date, name?: string): Promise<Enrolled>;
  /** The portal sends each code, to the device, for one question: `rightCode` reads what came. */
  sent?: boolean;
  /** Sets up as far as the page that asks for a code, where that is not the first page. */
  begin?(client: Pick<Visitor, 'get' | 'submit'>, now: Date, name?: string): Promise<Enrolled>;
  /** A right code; one that is used once is never given out again. Not for codes that are sent. */
  code(enrolled: Enrolled, now: Date): string;
  /** A code that is wrong at any time near `now`. */
  wrongCode(enrolled: Enrolled, now: Date): string;
}

/** The ids of all factor folders that have a driver. */
export function driverIds(): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((id) => existsSync(join(folder, id, 'test/driver.ts')));
}

/** The driver of one factor. */
export async function driverOf(id: string): Promise<FactorDriver> {
  const loaded = (await import(pathToFileURL(join(folder, id, 'test/driver.ts')).href)) as { driver: FactorDriver };
  return loaded.driver;
}

/** The right code for the question that was put to this visitor last. */
export async function rightCode(
  driver: FactorDriver,
  enrolled: Enrolled,
  at: { now: Date; visitor: Pick<Visitor, 'get'> },
): Promise<string> {
  if (!driver.sent) return driver.code(enrolled, at.now);
  const sending = driver as unknown as {
    code(enrolled: Enrolled, now: Date, client: Pick<Visitor, 'get'>): Promise<string>;
  };
  return sending.code(enrolled, at.now, at.visitor);
}

/** The driver of the first primary factor whose device makes its codes; tests of the portal need one, whichever. Skips the test where there is none. */
export async function anyDriver(test: Mocha.Context): Promise<FactorDriver> {
  for (const id of driverIds()) {
    const driver = await driverOf(id);
    if (driver.role === 'primary' && !driver.sent) return driver;
  }
  test.skip();
}
