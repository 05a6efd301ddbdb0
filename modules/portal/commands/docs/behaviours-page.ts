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

/** What waits for the factor of text messages. A test of the same id takes its place here. */
const waiting: Readonly<Record<string, string>> = {
  S1: 'One-time SMS codes secure the client login',
  S7: 'A code is texted to the phone; the customer must confirm the first one',
  S8: 'After that the customer must enter username and password again',
  S9: 'Later logins: password and SMS code only',
  S11: 'Lost or different mobile: the enrolment is repeated',
  S14: 'No self-service change of the phone',
  W4: '"Add Number", confirmed with "Save"',
  W5: '"Verify Number", then "Send Code"',
  W6: 'Enter the SMS code in the page',
  W7: 'Then an SMS is sent at EVERY login attempt',
  W8: '"Change number" and "Delete number"',
  W9: 'A number verified by another person of the account needs no new verification',
  W10: '"Enable authentication" is the explicit activation',
};

const notes: Partial<Record<PresetName, string>> = {
  'everyone-sms':
    'There is no factor of text messages yet. What has a test holds with the authenticator app in the place of the phone: it is the policy’s and staff’s pages’.',
  'pick-one-method':
    'There is no factor of text messages yet. W1 and W3 hold with the factor of [add-a-factor.md](add-a-factor.md) in its place.',
};

const title = /\bit\(\s*'([A-Z]\d+) ((?:[^'\\]|\\.)*)'/g;

/** The behaviours of each preset, from the titles of the tests that hold them. */
export function behavioursPage(root: string): string {
  const held = heldIn(root, 'test/behaviours');
  const stale = Object.keys(waiting).filter((id) => held.has(id));
  if (stale.length > 0) throw new Error(`These behaviours have a test by now and wait no more: ${stale.join(', ')}`);
  return page('Behaviours', [
    'What the portal does under each preset of the policy, and the test that holds it over HTTP, without a script. A row’s id is the first word of its test’s title.',
    ...presetNames.flatMap((preset) => [
      `## ${code(preset)}`,
      ...(notes[preset] === undefined ? [] : [notes[preset]]),
      section(preset, held),
    ]),
  ]);
}

function section(preset: PresetName, held: ReadonlyMap<string, { sentence: string; file: string }>): string {
  const { letter, count } = rows[preset];
  const ids = Array.from({ length: count }, (_, index) => `${letter}${String(index + 1)}`);
  return table(
    ['Id', 'Behaviour', 'Held by'],
    ids.map((id) => {
      const test = held.get(id);
      if (test) return [id, test.sentence, `[${test.file}](../${test.file})`];
      return [id, waiting[id] ?? '', id in waiting ? 'not yet (text messages)' : 'not yet'];
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
