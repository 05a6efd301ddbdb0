// This source without one factor's folder, as somebody has it who deletes that.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const parts = [
  'server.ts',
  'gatehouse.ts',
  'config',
  'modules',
  'views',
  'public',
  'test',
  'docs',
  'package.json',
  'tsconfig.json',
  '.mocharc.cjs',
  '.htmlvalidate.json',
];

/** The factors of this source, by their folders. */
export function factorFolders(): string[] {
  return readdirSync(join(root, 'modules/factors'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** Makes the copy in a temporary folder, and gives that; it shares the installed packages. */
export function copyWithout(factor: string): string {
  const copy = makeTemporaryFolder('without');
  for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true });
  rmSync(join(copy, 'modules/factors', factor), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** Runs a package's program in the copy; what it says is what the test fails with. */
export async function runInCopy(copy: string, program: string, args: readonly string[]): Promise<{ stdout: string }> {
  const file = join(copy, 'node_modules', program);
  return run(process.execPath, [file, ...args], { cwd: copy, maxBuffer: 1 << 24 }).catch((error: unknown) => {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    assert.fail(`${stdout}${stderr}`);
  });
}
