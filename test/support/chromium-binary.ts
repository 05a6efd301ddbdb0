// Finds a Chromium that starts. The one in @sparticuz/chromium needs no download of its own, so journeys
// run on a machine with nothing but Node and npm. Only its files are used: its recommended flags turn off
// web security, and with them a cross-site test proves nothing.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A program that is known to start with this environment. */
export interface ChromiumBinary {
  readonly executablePath: string;
  readonly env: Readonly<Record<string, string>>;
}

let found: Promise<ChromiumBinary> | undefined;

/** CHROMIUM_PATH where it is set, else the Chromium among the packages, unpacked once. */
export function findChromium(): Promise<ChromiumBinary> {
  found ??= find();
  return found;
}

async function find(): Promise<ChromiumBinary> {
  const given = process.env['CHROMIUM_PATH'];
  if (given !== undefined && given !== '') return { executablePath: given, env: ownEnvironment() };
  const folder = await unpack();
  const executablePath = path.join(folder, 'chromium');
  const env = { ...ownEnvironment(), ...(await fontSettings(folder)) };
  const complaint = await complaintOf(executablePath, env);
  if (complaint === undefined) return { executablePath, env };
  // Bare machines have no libnss3: the package brings the few libraries that Chromium needs beyond libc.
  const bundled = withBundledLibraries(folder, env);
  const second = await complaintOf(executablePath, bundled);
  if (second === undefined) return { executablePath, env: bundled };
  throw new Error(`Chromium does not start here: ${second}\nInstall a Chromium and set CHROMIUM_PATH to it.`);
}

/** The environment in which the libraries that come with the packaged Chromium are found first. */
export function withBundledLibraries(folder: string, env: Record<string, string>): Record<string, string> {
  const libraries = [path.join(folder, 'al2023', 'lib'), env['LD_LIBRARY_PATH']].filter(Boolean);
  return { ...env, LD_LIBRARY_PATH: libraries.join(':') };
}

/** Unpacks everything the package ships, through its own code, into a folder that appears whole or not at all. */
export async function unpack(): Promise<string> {
  const entry = fileURLToPath(import.meta.resolve('@sparticuz/chromium'));
  const root = entry.slice(0, entry.lastIndexOf(`${path.sep}build${path.sep}`));
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string };
  const cache = path.join(root, '..', '..', '.cache', 'gatehouse');
  const folder = path.join(cache, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const staging = await mkdtemp(`${folder}.`);
  try {
    // The package unpacks into the temporary folder of its process, and its libraries only where it believes
    // that it runs on Amazon's Linux: a child process is told both, so that nothing leaks into this one.
    const script = `const { default: chromium } = await import(${JSON.stringify(import.meta.resolve('@sparticuz/chromium'))});
      await chromium.executablePath();`;
    const env = { ...process.env, TMPDIR: staging, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' };
    await run(process.execPath, ['--input-type=module', '--eval', script], { env });
    // Two processes may get here at once: the second finds the folder taken and uses that one.
    await rename(staging, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return folder;
}

/** Without any font Chromium shows no letter: where the system has no fonts set up, the package's one does. */
async function fontSettings(folder: string): Promise<Record<string, string>> {
  if (existsSync('/etc/fonts/fonts.conf')) return {};
  const settings = path.join(folder, 'fonts');
  await writeFile(
    path.join(settings, 'fonts.conf'),
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${settings}</dir><cachedir>${settings}/cache</cachedir></fontconfig>`,
  );
  return { FONTCONFIG_PATH: settings };
}

async function complaintOf(executablePath: string, env: Record<string, string>): Promise<string | undefined> {
  try {
    await run(executablePath, ['--version', '--no-sandbox'], { env, timeout: 30_000 });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function ownEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}
