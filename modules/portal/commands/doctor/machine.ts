import { existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../../../config/index.ts';
import { ok, warning, wrong, type Finding, type Seen } from './finding.ts';

const mib = 2 ** 20;
const leastMib = 200;
const comfortableMib = 1024;

/** Whether the store of DATA_DIR is there and this user's: opened by another one it would get files that the portal can't read. */
export function lookAtDataFolder(config: Config): Seen<boolean> {
  const { dataDir } = config;
  const store = join(dataDir, 'store');
  if (!existsSync(join(store, 'store.mdb'))) {
    const todo =
      'The first start makes it. If this is no new portal, DATA_DIR names another folder, or a backup is to be restored.';
    return { value: false, findings: [warning(`${dataDir} holds no data yet.`, todo)] };
  }
  const { uid, mode } = statSync(store);
  const self = process.getuid?.() ?? uid;
  if (uid !== self) {
    const found = `${store} belongs to user ${String(uid)}; this is user ${String(self)}.`;
    const todo = 'Run this as the user of the portal, or give the folder to that user.';
    return { value: false, findings: [wrong(found, todo)] };
  }
  const isOpen = (mode & 0o077) !== 0;
  const finding = isOpen ? wrong(`Others on this machine may enter ${store}.`, `chmod 700 ${store}`) : ok(store);
  return { value: true, findings: [finding] };
}

/** Free space where the store lies. With a full disk nobody can sign in, for a sign-in is a write. */
export async function lookAtDisk(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = Math.floor((bavail * bsize) / mib);
  const found = `${String(free)} MiB are free in ${folder}`;
  const todo = 'Make room, or move the folder to a larger disk.';
  if (free < leastMib) return wrong(`${found}.`, todo);
  return free < comfortableMib ? warning(`${found}.`, todo) : ok(found);
}

/** Whether a portal runs here with these settings. */
export async function lookAtPortal({ host, port }: Pick<Config, 'host' | 'port'>): Promise<Finding> {
  const here = { '0.0.0.0': '127.0.0.1', '::': '[::1]', '[::]': '[::1]' }[host] ?? host;
  const at = `http://${here.includes(':') && !here.startsWith('[') ? `[${here}]` : here}:${String(port)}`;
  let answer: { status: number; text: string };
  try {
    const response = await fetch(`${at}/healthz`, { signal: AbortSignal.timeout(3000), redirect: 'manual' });
    answer = { status: response.status, text: (await response.text()).slice(0, 10) };
  } catch {
    return warning(`No portal answers at ${at}.`, 'Start it, if it is meant to run.');
  }
  if (answer.status === 200 && answer.text === 'ok') return ok(`answers at ${at}`);
  return answer.text === 'fail'
    ? wrong(`The portal at ${at} can’t reach its database.`, 'Its log says why.')
    : wrong(`At ${at} something else answers.`, 'Give the portal another PORT, or end the other program.');
}
