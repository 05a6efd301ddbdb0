// A worker that is started on a .ts file does not run under tsx: this one registers tsx and imports the real one.
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
