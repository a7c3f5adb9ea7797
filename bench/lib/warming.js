// When is a contender warm? When V8 has made its code: the CPU time that a request takes has stopped falling then.

/** By how much a step has to be cheaper than the cheapest before it, to say that it is still falling. */
const CHEAPER = 0.97;

/**
 * Warms in steps until it takes no less CPU time any more, for some steps: one alone can be dear because of the machine.
 * Bounded in requests and time. Who cannot tell its CPU time is no process of Node's, and warm after the first step.
 *
 * @param {(bounds: { seconds: number, most: number, least: number }) => Promise<{ answers: number, cpu?: number }>} load
 * @param {{ step: number, patience: number, least: number, most: number, seconds: number, urls: number }} bounds `urls`: so
 * many pages have to be there
 */
export async function warm(load, { step, patience, least, most, seconds, urls }) {
  const costs = [];
  const until = performance.now() + seconds * 1000;
  for (let answers = 0; answers < most; ) {
    const left = (until - performance.now()) / 1000;
    const bounds = { seconds: Math.min(1, Math.max(0, left)), most: Math.min(step, most - answers) };
    const found = await load({ ...bounds, least: answers === 0 ? urls * 2 : Math.min(bounds.most, least - answers) });
    if (found.cpu === undefined) return;
    answers += found.answers;
    costs.push(found.cpu);
    if (answers >= least && (performance.now() >= until || isSteady(costs, patience))) return;
  }
}

/** Whether none of the last `patience` steps was notably cheaper than the cheapest before them. */
export function isSteady(costs, patience) {
  if (costs.length <= patience) return false;
  const before = Math.min(...costs.slice(0, -patience));
  return Math.min(...costs.slice(-patience)) > before * CHEAPER;
}
