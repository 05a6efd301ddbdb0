import type { Command } from 'commander';
import { keyPurposes, makeKeys, readKeys, rotateKey, type KeyPurpose } from '../../platform/keys.ts';

/** `keys new DIR` and `keys rotate DIR PURPOSE`. No key is ever printed. */
export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('Makes and rotates the key files.');
  keys
    .command('new <dir>')
    .description('Makes a folder (0700) with one key file (0600) for each purpose that has none yet.')
    .action((dir: string) => {
      makeKeys(dir);
      readKeys(dir);
      process.stdout.write(
        `The key files are in ${dir}. Keep a copy apart from the database: without them nobody can sign in.\n`,
      );
    });
  keys
    .command('rotate <dir> <purpose>')
    .description(
      `Puts a new key in front of one file (${keyPurposes.join(', ')}); the older ones go on checking. Restart the portal afterwards.`,
    )
    .action((dir: string, purpose: string) => {
      if (!keyPurposes.includes(purpose as KeyPurpose))
        throw new Error(`There is no key file "${purpose}". Choose one of: ${keyPurposes.join(', ')}.`);
      const id = rotateKey(dir, purpose as KeyPurpose);
      readKeys(dir);
      process.stdout.write(
        `The newest ${purpose} key is ${id}. Restart the portal to use it; older keys go on checking until you remove their lines.\n`,
      );
    });
}
