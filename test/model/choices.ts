// The RFC often lets a cache choose ("either the first occurrence should be used or the response should be considered
// stale"). The model asks such a question where it comes up, and what is allowed is what follows from any answers.

/** Answers a question with one of `0 … options - 1`; the same question always in the same way. */
export type Choose = (question: string, options?: number) => number;

/** One way of answering, and what came of it. */
export interface Explored<T> {
  readonly result: T;
  /** The questions that came up, and their answers. */
  readonly answers: ReadonlyMap<string, number>;
}

/** More ways than any script asks for; beyond it the model itself is wrong. */
const MOST = 20_000;

/** Runs `run` once for each way to answer the questions that come up in it. */
export function* explore<T>(run: (choose: Choose) => T): Generator<Explored<T>> {
  const open: Map<string, number>[] = [new Map()];
  for (let ways = 0; open.length > 0; ways++) {
    if (ways > MOST) throw new Error(`more than ${MOST} ways to answer: ${[...open.at(-1)!.keys()].join('; ')}`);
    const given = open.pop()!;
    const answers = new Map(given);
    const others: Map<string, number>[] = [];
    const choose: Choose = (question, options = 2) => {
      const known = answers.get(question);
      if (known !== undefined) return known;
      for (let other = options - 1; other > 0; other--) others.push(new Map([...answers, [question, other]]));
      answers.set(question, 0);
      return 0;
    };
    const result = run(choose);
    open.push(...others);
    yield { result, answers };
  }
}
