// Answers that were others than those to be measured, such as misses among hits: how many of them, and what is told of it.

/** The share of them that may be: on a busy machine a lookup can miss its deadline. */
const MOST = 0.01;

/** How many answers a contender has given in all its starts, and how many of them were not those to be measured. */
export function answersOf(entry, crews) {
  const own = crews.flatMap(({ contenders }) => contenders.filter((each) => each.entry === entry));
  const sum = (of) => own.reduce((total, each) => total + of(each), 0);
  return { answers: sum((each) => each.answers), unmarked: sum((each) => each.unmarked) };
}

/** What has to be told of a contender whose answers were not all those to be measured. */
export function judge(entry, { answers, unmarked }) {
  if (unmarked === 0) return [];
  const useless = unmarked > answers * MOST;
  const what = `${entry.scene} ${entry.name}: ${unmarked} of ${answers} answers were not what is measured (${entry.mark})`;
  return [{ text: useless ? `${what}; its figures are of no use` : what, useless, ours: entry.ours }];
}
