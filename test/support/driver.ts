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
  /** A right code; one that is used once is never given out again. */
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

/** The driver of the first primary factor there is; tests of the portal need one, whichever. Skips the test where there is none. */
export async function anyDriver(test: Mocha.Context): Promise<FactorDriver> {
  for (const id of driverIds()) {
    const driver = await driverOf(id);
    if (driver.role === 'primary') return driver;
  }
  test.skip();
}
