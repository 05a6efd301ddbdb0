import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** All files below a folder of the checkout, as paths from its root. Data and what is installed are left out. */
export function filesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (['node_modules', '.git', 'data'].includes(entry.name)) return [];
    if (entry.isDirectory()) return filesBelow(root, path);
    return entry.isFile() ? [path] : [];
  });
}
