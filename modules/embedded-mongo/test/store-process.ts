// A process of its own that opens a store: prints where it is and closes it when its input ends.
import { openStore } from '../index.ts';

const store = await openStore({ folder: process.argv[2] ?? '' });
process.stdout.write(`${JSON.stringify({ uri: store.uri, owner: store.owner })}\n`);
process.stdin.on('end', () => {
  void store.close();
});
process.stdin.resume();
