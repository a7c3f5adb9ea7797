// One round: an application by chance, and things that happen to it, some at the same time.

import type { Framework } from '../adapters/hosts.js';
import { type App, createApp } from './app.js';
import { type Asked, wrongAnswer } from './checks.js';
import { purge, purgeOfUnsafe } from './purges.js';
import { Random, seedOf } from './random.js';
import { type Palette, paletteOf, type Question, requestOf } from './requests.js';
import type { Mode } from './settings.js';
import { exchange } from './wire.js';
import { World } from './world.js';

/** How many things happen in a round. */
export const ACTIONS = 80;
/** How long an answer may take, ms. */
const DEADLINE = 5000;

export interface RoundOptions {
  readonly seed: number;
  readonly framework: Framework;
  readonly mode: Mode;
  readonly redis: string | false;
  /** Which of the actions are taken; all, if it is `undefined`. */
  readonly only: ReadonlySet<number> | undefined;
  /** Something else that happens now and then. */
  readonly disturb?: (random: Random) => Promise<void>;
}

/** Plays a round, and says what went wrong. */
export async function playRound(options: RoundOptions): Promise<string[]> {
  const { seed, framework, mode, redis, only } = options;
  const world = new World();
  let ahead = 0;
  const now = () => Date.now() + ahead;
  const app = createApp({ seed, framework, mode, redis, world, now });
  const palette = paletteOf(new Random(seedOf(seed, 4)));
  const problems: string[] = [];
  const accidents = watchProcess();
  const wait = (random: Random) => {
    ahead += random.pick([500, 2000, 30_000, 400_000]);
  };
  let underWay: Promise<unknown>[] = [];
  for (let i = 0; i < ACTIONS && problems.length === 0; i++) {
    const random = new Random(seedOf(seed, 3, i));
    const kind = random.next();
    const together = random.chance(0.6);
    if (only !== undefined && !only.has(i)) continue;
    if (kind < 0.05) wait(random);
    else if (kind < 0.1) underWay.push(purge(app, world, random));
    else if (kind < 0.13 && options.disturb !== undefined) underWay.push(options.disturb(random));
    else underWay.push(talk(app, world, palette, random, i, problems));
    if (together && underWay.length < 6) continue;
    await Promise.all(underWay);
    underWay = [];
  }
  await Promise.all(underWay);
  const closed = await within(app.close(), DEADLINE);
  if (!closed) problems.push('the application does not close');
  return [...problems, ...accidents()];
}

/** One connection: a request or several at once, and what comes back. */
async function talk(
  app: App,
  world: World,
  palette: Palette,
  random: Random,
  action: number,
  problems: string[],
): Promise<void> {
  const count = random.chance(0.2) ? 2 + random.below(3) : 1;
  const questions = Array.from({ length: count }, (_, i) =>
    requestOf(action * 10 + i, count === 1, palette, random, world),
  );
  const abortAfter = random.maybe(0.1, () => random.pick([0, 1, 200, 3000, 100_000]));
  const sentAt = world.tick();
  const bytes = Buffer.concat(questions.map((question) => question.bytes));
  const methods = questions.map(({ method }) => method);
  const said = await exchange(await app.host.port(), { bytes, methods, abortAfter, deadline: DEADLINE });
  const aborted = said.end === 'aborted';
  const cutOff = questions.some(({ no, odd }) => odd || !world.seen.has(no));
  const severed = questions.some(({ no }) => world.runsFor(no).some(({ breaks }) => breaks));
  const note = (question: Question, problem: string) => {
    const ways = world.runsFor(question.no).map(({ id, way }) => `${id} ${way}`);
    problems.push(`action ${action}, ${describe(question)} [${ways}]: ${problem}`);
  };
  // Who breaks the connection off, a handler or Node, takes the answers with it that others are writing.
  const broken = aborted || ((severed || cutOff) && said.end === 'closed');
  for (const [i, answer] of said.answers.entries()) {
    const question = questions[i]!;
    const asked: Asked = { question, sentAt, answer, aborted: broken && i === said.answers.length - 1, cutOff };
    // What stands behind an answer of the wrong length, or to a request that is none, is anybody's guess.
    const isEnd = world.runsFor(question.no).some((run) => run.sloppy) || question.odd;
    const problem = wrongAnswer(app, world, asked);
    if (problem !== undefined) note(question, `${problem} (${answer.status} ${linesOf(answer.lines)})`);
    purgeOfUnsafe(app, world, question.no, answer.status);
    if (isEnd || !answer.complete || closes(answer.lines)) return;
  }
  const next = questions[said.answers.length];
  if (said.rubbish !== undefined) note(next ?? questions.at(-1)!, `no HTTP: ${said.rubbish}`);
  else if (next !== undefined && !broken && (said.end === 'timeout' || !mayBeSilent(world, next)))
    note(next, `no answer (${said.end})`);
}

function closes(lines: readonly (readonly [string, string])[]): boolean {
  return lines.some(([name, value]) => name.toLowerCase() === 'connection' && /\bclose\b/i.test(value));
}

/** Whether a request may be left without an answer: its handler broke off, or it has not come as far as that. */
function mayBeSilent(world: World, { no, odd }: Question): boolean {
  return odd || !world.seen.has(no) || world.runsFor(no).some((run) => run.breaks);
}

function describe({ bytes, no }: Question): string {
  const text = bytes.toString('latin1').split('\r\n\r\n')[0]!;
  return `request ${no} ${JSON.stringify(text.length > 700 ? `${text.slice(0, 700)}…` : text)}`;
}

function linesOf(lines: readonly (readonly [string, string])[]): string {
  return lines.map(([name, value]) => `${name}: ${value}`).join(' | ');
}

/** Listens for what must never happen; the function returned ends that, and says what did. */
function watchProcess(): () => string[] {
  const found: string[] = [];
  const listeners = ['uncaughtExceptionMonitor', 'unhandledRejection', 'warning'].map((name) => {
    const listener = (error: unknown) => void found.push(`${name}: ${(error as Error)?.stack ?? error}`);
    process.on(name, listener);
    return () => process.off(name, listener);
  });
  return () => {
    for (const remove of listeners) remove();
    return found;
  };
}

async function within(what: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([what.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
