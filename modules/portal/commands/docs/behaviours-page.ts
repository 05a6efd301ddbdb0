import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { presetNames, type PresetName } from '../../../mfa/policy/policy.ts';
import { code, page, table } from './markdown.ts';

/** The letter of each preset's behaviours, and how many there are. */
const rows: Readonly<Record<PresetName, { letter: string; count: number }>> = {
  'per-customer-app': { letter: 'D', count: 17 },
  'everyone-sms': { letter: 'S', count: 14 },
  'self-service-app': { letter: 'P', count: 13 },
  'everyone-app': { letter: 'Z', count: 20 },
  'pick-one-method': { letter: 'W', count: 16 },
};

const title = /\bit\(\s*'([A-Z]\d+) ((?:[^'\\]|\\.)*)'/g;

/** The behaviours of each preset, from the titles of the tests that hold them. */
export function behavioursPage(root: string): string {
  const held = heldIn(root, 'test/behaviours');
  return page('Behaviours', [
    'What the portal does under each preset of the policy, and the test that holds it over HTTP, without a script. A row’s id is the first word of its test’s title. `npm test` fails where the test of a row fails, is skipped, or is missing: what is listed here is held.',
    ...presetNames.flatMap((preset) => [`## ${code(preset)}`, section(preset, held)]),
  ]);
}

function section(preset: PresetName, held: ReadonlyMap<string, { sentence: string; file: string }>): string {
  const { letter, count } = rows[preset];
  const ids = Array.from({ length: count }, (_, index) => `${letter}${String(index + 1)}`);
  return table(
    ['Id', 'Behaviour', 'Held by'],
    ids.map((id) => {
      const test = held.get(id);
      return test ? [id, test.sentence, `[${test.file}](../${test.file})`] : [id, '', 'not yet'];
    }),
  );
}

function heldIn(root: string, folder: string): Map<string, { sentence: string; file: string }> {
  const held = new Map<string, { sentence: string; file: string }>();
  const names = existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [];
  for (const name of names.filter((one) => one.endsWith('.test.ts')).sort()) {
    const file = `${folder}/${name}`;
    for (const [, id = '', sentence = ''] of readFileSync(join(root, file), 'utf8').matchAll(title)) {
      if (held.has(id)) throw new Error(`${id} is held twice, in ${file} too.`);
      held.set(id, { sentence: sentence.replace(/\\(.)/g, '$1').replaceAll('*', String.raw`\*`), file });
    }
  }
  return held;
}
