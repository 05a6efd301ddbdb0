// Runs erasable TypeScript as newer versions of Node do, by leaving the types out, for processes that tests start by the dozen. tsx, which
// runs everything else, looks at each module of each package too: a portal takes twice as long to start under it.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

const cache = fileURLToPath(new URL('../../node_modules/.cache/gatehouse/erased/', import.meta.url));

// Node loads this file twice: at the start of the process, and on the thread where it asks how to load the others.
if (isMainThread) register(import.meta.url);

/** Loads our own modules without their types, and everything else as Node does. */
export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
  const source = await erase(readFileSync(fileURLToPath(url), 'utf8'));
  return { format: 'module', source, shortCircuit: true };
}

async function erase(text) {
  const kept = cache + createHash('sha256').update(text).digest('hex');
  try {
    return readFileSync(kept, 'utf8');
  } catch {
    const { default: ts } = await import('typescript');
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true },
    });
    // Renamed, because others read here meanwhile: a file appears whole or not at all.
    mkdirSync(cache, { recursive: true });
    const draft = `${kept}.${process.pid}`;
    writeFileSync(draft, outputText);
    renameSync(draft, kept);
    return outputText;
  }
}
