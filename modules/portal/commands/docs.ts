import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { settingsSchema } from '../../../config/settings.ts';
import { auditEvents } from '../../audit/events.ts';
import { refusals } from '../../kernel/errors.ts';
import type { AnyFactor } from '../../kernel/factor.ts';
import { factorFolders } from '../../mfa/registry.ts';
import { catalogueFiles, readCatalogue } from '../../platform/i18n.ts';
import { folders } from '../../platform/http/views.ts';
import { behavioursPage } from './docs/behaviours-page.ts';
import { code, page, table } from './docs/markdown.ts';

const docsFolder = join(folders.modules, '../docs');
const factorsFolder = join(folders.modules, 'factors');

interface SettingShape {
  type?: string;
  enum?: readonly unknown[];
  format?: string;
  minimum?: number;
  maximum?: number;
  default?: unknown;
  description?: string;
}

/** The pages of docs/ that are made from the code, by file name. */
export async function renderDocs(): Promise<ReadonlyMap<string, string>> {
  const factors = await loadManifests();
  return new Map([
    ['configuration.md', configurationPage(factors)],
    ['events.md', eventsPage(factors)],
    ['errors.md', errorsPage()],
    ['behaviours.md', behavioursPage(join(folders.modules, '..'))],
  ]);
}

/** Writes the pages made from the code; with `check` writes nothing, and fails where one is out of date. */
export async function writeDocs(options: { check?: boolean }): Promise<void> {
  const pages = await renderDocs();
  if (!options.check) {
    for (const [name, text] of pages) writeFileSync(join(docsFolder, name), text);
    return;
  }
  const stale = [...pages].filter(([name, text]) => storedPage(name) !== text).map(([name]) => `docs/${name}`);
  if (stale.length === 0) return;
  process.stderr.write(`Out of date: ${stale.join(', ')}. \`npm run docs\` writes them anew.\n`);
  process.exitCode = 1;
}

/** A page as it lies in docs/; null when it is missing. */
export function storedPage(name: string): string | null {
  try {
    return readFileSync(join(docsFolder, name), 'utf8');
  } catch {
    return null;
  }
}

// Not discoverFactors: a factor that is off until it is configured has settings to tell of all the same.
async function loadManifests(): Promise<AnyFactor[]> {
  const found: AnyFactor[] = [];
  for (const id of await factorFolders(factorsFolder)) {
    const manifest = (await import(pathToFileURL(join(factorsFolder, id, 'index.ts')).href)) as { default: AnyFactor };
    found.push(manifest.default);
  }
  return found;
}

function configurationPage(factors: readonly AnyFactor[]): string {
  const sections = factors.map((factor) => [`## The factor \`${factor.id}\``, settingsTable(factor.settings)]).flat();
  return page('Configuration', [
    'Every setting is an environment variable, read once at the start. An empty one counts as not given. A value that can’t be used stops the start with a sentence that names the setting.',
    'With `NODE_ENV=production` the portal refuses to start without `KEYS_DIR`, `BASE_URL` and a database: `MONGODB_URI`, or `STORE=embedded`. [operations.md](operations.md) says how to begin.',
    '## The portal',
    settingsTable(settingsSchema),
    ...sections,
  ]);
}

function settingsTable(schema: z.ZodObject): string {
  const { properties = {} } = z.toJSONSchema(schema, { unrepresentable: 'any' }) as {
    properties?: Record<string, SettingShape>;
  };
  const rows = Object.entries(properties).map(([name, shape]) => [
    code(name),
    kindOf(shape),
    defaultOf(shape),
    shape.description ?? '',
  ]);
  return table(['Setting', 'Value', 'Default', 'What it does'], rows);
}

function kindOf(shape: SettingShape): string {
  if (shape.enum) return shape.enum.map((value) => code(String(value))).join(', ');
  if (shape.type !== 'integer' && shape.type !== 'number') return shape.format === 'uri' ? 'address' : 'text';
  const { minimum = 1, maximum = Number.MAX_SAFE_INTEGER } = shape;
  return maximum < Number.MAX_SAFE_INTEGER
    ? `number, ${String(minimum)} to ${String(maximum)}`
    : `number, ${String(minimum)} or more`;
}

function defaultOf(shape: SettingShape): string {
  if (shape.default === undefined) return '';
  return shape.default === '' ? 'empty' : code(JSON.stringify(shape.default).replaceAll('"', ''));
}

function eventsPage(factors: readonly AnyFactor[]): string {
  const own = Object.entries(auditEvents).map(([event, sentence]) => [code(event), sentence]);
  const sections = factors
    .filter(({ events }) => Object.keys(events).length > 0)
    .map((factor) => [
      `## The factor \`${factor.id}\``,
      table(
        ['Event', 'What happened'],
        Object.entries(factor.events).map(([event, sentence]) => [code(`${factor.id}.${event}`), sentence]),
      ),
    ])
    .flat();
  return page('Audit events', [
    'Every event is one document in the append-only collection `auditEvents` and one JSON line in the log: the event, its outcome, who did it, to whom or what, why, and the address and user agent of the request. Never a password, a code, a secret or a token.',
    '## The portal',
    table(['Event', 'What happened'], own),
    ...sections,
  ]);
}

function errorsPage(): string {
  const texts = readCatalogue(catalogueFiles(join(folders.views, 'locales'), 'en'));
  const rows = Object.entries(refusals).map(([name, { status, key }]) => [
    code(name),
    String(status),
    texts.get(key) ?? `no text for ${key}`,
  ]);
  return page('Refusals', [
    'Every “no” that the portal expects to give: its code in logs and tests, its HTTP status and its sentence. Anything else is a bug: the page for 500 shows a reference that the log line has too.',
    table(['Code', 'Status', 'Sentence'], rows),
  ]);
}
