import { readdir } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AnyFactor } from '../kernel/factor.ts';
import { factorSettings, presetNames, type PresetName } from './policy/policy.ts';
import type { z } from 'zod';
import { PlainError } from '../kernel/plain-error.ts';

/** A factor that is installed and configured; `folder` is where its views and texts are. */
export interface InstalledFactor {
  definition: AnyFactor;
  options: unknown;
  folder: string;
  /** All of its settings under the policy: the engine's, and its own. */
  policy: z.ZodObject;
  /** Its settings under each preset that it knows. */
  presets: Partial<Record<PresetName, Readonly<Record<string, unknown>>>>;
}

const idForm = /^[a-z][a-z0-9-]{1,30}$/;
/** Words that are routes of the engine itself below the same paths. */
const reserved = new Set([
  ...['challenge', 'methods', 'enrol', 'blocked', 'done', 'help', 'new-password', 'confirm', 'password'],
  // How sign-ins are marked that no factor was proven in.
  'trusted-device',
]);

/**
 * Finds the factors: the folder list is the registry. A folder whose manifest does not load stops the boot with a sentence, for a
 * portal that silently lost a factor would lock people out. A factor that is configured `off` counts as not installed.
 */
export async function discoverFactors(
  folder: string,
  settings: Readonly<Record<string, string>>,
  portal: { production: boolean },
): Promise<InstalledFactor[]> {
  const found: InstalledFactor[] = [];
  for (const id of await factorFolders(folder)) {
    const manifest = (await import(pathToFileURL(join(folder, id, 'index.ts')).href)) as { default?: AnyFactor };
    const definition = manifest.default;
    if (definition?.id !== id) throw new Error(`The factor folder "${id}" does not export a factor of that id.`);
    const values = definition.settings.safeParse(settings);
    if (!values.success) {
      const lines = values.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
      throw new PlainError(`Settings of the factor "${id}" can't be used: ${lines.join('; ')}`);
    }
    const options = configure(definition, values.data, portal);
    if (options === 'off') continue;
    const policy = factorSettings.extend(definition.policy?.shape ?? {});
    found.push({
      definition,
      options,
      folder: join(folder, id),
      policy,
      presets: readPresets(join(folder, id), policy),
    });
  }
  return found.sort((one, other) => one.definition.traits.order - other.definition.traits.order);
}

/** What the factor does under each preset. A file that its own schema refuses stops the boot: a typing mistake must not weaken a policy. */
function readPresets(folder: string, policy: z.ZodObject): InstalledFactor['presets'] {
  const files = presetNames.map((preset) => [preset, join(folder, 'presets', `${preset}.json`)] as const);
  return Object.fromEntries(
    files
      .filter(([, file]) => existsSync(file))
      .map(([preset, file]) => {
        const parsed = policy.strict().safeParse(JSON.parse(readFileSync(file, 'utf8')));
        if (!parsed.success) throw new Error(`${file} can't be used: ${parsed.error.message}`);
        return [preset, parsed.data];
      }),
  );
}

function configure(definition: AnyFactor, values: Record<string, unknown>, portal: { production: boolean }): unknown {
  try {
    return definition.configure(values, portal);
  } catch (cause) {
    throw new PlainError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The ids of the factor folders, in alphabetical order. */
export async function factorFolders(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  const ids = entries
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'index.ts')))
    .map((entry) => entry.name);
  for (const id of ids) {
    if (!idForm.test(id) || reserved.has(id)) throw new Error(`"${id}" can't be the name of a factor folder.`);
  }
  return ids.sort();
}
