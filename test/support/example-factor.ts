// The worked example of docs/add-a-factor.md as files: a second primary factor for tests that need one.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTemporaryFolder } from './temporary-folder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** docs/add-a-factor.md. */
export const examplePage = readFileSync(join(root, 'docs/add-a-factor.md'), 'utf8');

/** The files of the page: each section's heading names them, its code blocks are them. */
function filesOf(text: string): [string, string][] {
  return text.split(/^## /m).flatMap((section) => {
    const names = [...(section.split('\n', 1)[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    const blocks = [...section.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
    return names.map((name, index): [string, string] => [name, blocks[index] ?? '']);
  });
}

/** A tree with the installed factors and the example's beside them, with more files of its own; what it imports is this checkout's. */
export function treeWithExample(more: Readonly<Record<string, string>> = {}): { root: string; factors: string } {
  const tree = makeTemporaryFolder('example');
  const factors = join(tree, 'modules/factors');
  cpSync(join(root, 'modules/factors'), factors, { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  symlinkSync(join(root, 'modules/kernel'), join(tree, 'modules/kernel'));
  writeFileSync(join(tree, 'package.json'), '{ "type": "module" }');
  for (const [name, text] of [...filesOf(examplePage), ...Object.entries(more)]) {
    const file = join(factors, 'fob', name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return { root: tree, factors };
}
