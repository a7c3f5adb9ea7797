import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What lives on the heap, MB. */
export function heapMegabytes(): number {
  collect();
  return process.memoryUsage().heapUsed / 1e6;
}
