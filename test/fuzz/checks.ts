// What must hold for every answer.

import type { App } from './app.js';
import type { Question } from './requests.js';
import { notFor } from './visible.js';
import type { WireAnswer } from './wire.js';
import { bytesOf, type Run, type World } from './world.js';

export interface Asked {
  readonly question: Question;
  readonly sentAt: number;
  readonly answer: WireAnswer;
  /** The client has broken off. */
  readonly aborted: boolean;
  /** Something behind it on the connection is no request: Node says so at once, whatever it is about to answer. */
  readonly cutOff: boolean;
}

/** What is wrong with an answer; `undefined` if nothing is. */
export function wrongAnswer(app: App, world: World, asked: Asked): string | undefined {
  const { question, answer, aborted } = asked;
  const runs = tokensOf(answer).map((token) => world.runs.get(token));
  if (runs.includes(undefined)) return 'it has a token that nobody gave out';
  const found = new Set(runs as Run[]);
  if (found.size === 0) return wrongWithoutToken(world, asked);
  // An odd request may have lost its number.
  const isOwn = (run: Run) => run.no === question.no || (question.odd && run.no === -1);
  const own = [...found].every(isOwn);
  const sloppy = [...found].some((run) => run.sloppy && isOwn(run));
  if (sloppy) return undefined;
  if (!answer.complete && !aborted && ![...found].some((run) => own && run.breaks)) return 'it is incomplete';
  return wrongRuns(app, world, asked, found) ?? wrongBody(asked) ?? wrongBodyOf(asked, found, own, world);
}

/** The runs that an answer is made of: by its field, by its body, and by its cookie. */
function tokensOf({ lines, body }: WireAnswer): string[] {
  const text = body.toString('latin1');
  const first = /^(?:[^|]{0,12}\|)?(t\d+)\|/.exec(text)?.[1];
  const json = /^\{"of":"(t\d+)"\}$/.exec(text)?.[1];
  const cookies = lines
    .filter(([name]) => name.toLowerCase() === 'set-cookie')
    .map(([, value]) => /^sid=(.*)/.exec(value)?.[1]);
  const fields = lines.filter(([name]) => name.toLowerCase() === 'x-token').map(([, value]) => value);
  return [...fields, first, json, ...cookies].filter((token) => token !== undefined);
}

function wrongRuns(app: App, world: World, { question, sentAt }: Asked, runs: ReadonlySet<Run>): string | undefined {
  const seen = world.seen.get(question.no);
  for (const run of runs) {
    if (run.no === question.no) continue;
    if (seen === undefined && question.odd) continue;
    if (seen === undefined) return `the application has not seen it, and yet it got ${run.id}`;
    const reason = notFor(seen, run, app.settingsFor, world, sentAt);
    if (reason !== undefined) return `it is not for it: ${run.id} (${run.way}) has ${reason}`;
  }
  return undefined;
}

/** Whatever has no token is the server's, the framework's or the cache's own. */
function wrongWithoutToken(world: World, { question, answer, aborted, cutOff }: Asked): string | undefined {
  const { status, lines } = answer;
  const runs = world.runsFor(question.no);
  const isStored = lines.some(([name]) => name.toLowerCase() === 'age');
  // Node itself has refused what it could not read.
  if ((cutOff || !world.seen.has(question.no)) && status >= 400 && status < 500) return undefined;
  if (aborted || question.odd || runs.some((run) => run.fails || run.breaks)) return undefined;
  const directives = world.seen.get(question.no)?.headers['cache-control'] ?? '';
  if (status === 504 && runs.length === 0 && directives.includes('only-if-cached')) return undefined;
  if (status === 416) return undefined;
  // A handler that knows conditions says nothing else in its 304.
  if (status === 304 && runs.some((run) => run.way === 'confirming')) return undefined;
  // What the framework made of an error is stored, too, if it is a negative answer of Express'.
  if (status === 404 || status === 410 || (status === 418 && isStored)) return undefined;
  if (answer.body.length === 0 && question.method === 'HEAD') return undefined;
  return 'it has no token, though its handler did well';
}

/** Between the body and the fields that describe it. */
function wrongBody({ answer, question }: Asked): string | undefined {
  const { status, lines } = answer;
  const fieldOf = (name: string) => lines.find(([each]) => each.toLowerCase() === name)?.[1];
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(fieldOf('content-range') ?? '');
  if (status !== 206 || range === null) return undefined;
  const [first, last, total] = range.slice(1).map(Number) as [number, number, number];
  if (first > last || last >= total) return `Content-Range ${range[0]}`;
  if (question.method !== 'HEAD' && answer.body.length !== last - first + 1)
    return 'its length is not that of its range';
  return undefined;
}

function wrongBodyOf(asked: Asked, runs: ReadonlySet<Run>, own: boolean, world: World): string | undefined {
  const { answer, question, aborted } = asked;
  const { status, lines, body } = answer;
  const token = /(?:^|\|)(t\d+)\|/.exec(body.toString('latin1'))?.[1];
  const run = [...runs].find(({ id }) => id === token) ?? [...runs].find((each) => each.body !== undefined);
  // What fails is answered by the framework.
  if (run?.body === undefined || run.fails) return undefined;
  // A 304 that its framework made of it may have put its fields around the body of another.
  if (run.confirms && run.id !== token) return undefined;
  const fieldOf = (name: string) => lines.find(([each]) => each.toLowerCase() === name)?.[1];
  const etag = wrongEtag(fieldOf('etag'), run, world);
  if (etag !== undefined || question.method === 'HEAD' || status === 304 || status === 416) return etag;
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(fieldOf('content-range') ?? '');
  if (status === 206 && range === null && !own) return 'a 206 without its range';
  if (status !== run.status && status !== 206 && !own) return `${run.id} had the status ${run.status}`;
  const whole = bytesOf(run.id, run.body.length);
  const wanted = range === null ? whole : whole.subarray(Number(range[1]), Number(range[2]) + 1);
  if (range !== null && Number(range[3]) !== whole.length)
    return `the range is one of ${range[3]} bytes, not ${whole.length}`;
  if (aborted || run.breaks) return wanted.subarray(0, body.length).equals(body) ? undefined : 'its body is another';
  const at = wanted.findIndex((byte, i) => byte !== body[i]);
  const found = JSON.stringify(body.toString('latin1', Math.max(0, at - 10), at + 20));
  return wanted.equals(body) ? undefined : `its body has ${body.length} bytes, not ${wanted.length}; at ${at} ${found}`;
}

/** A tag that the cache makes belongs to one body. */
function wrongEtag(etag: string | undefined, { tagged, body, id }: Run, world: World): string | undefined {
  if (etag === undefined) return undefined;
  if (world.etags.at(-1) !== etag) world.etags.push(etag);
  if (tagged || body === undefined) return undefined;
  const known = world.tagsMade.get(etag);
  const content = `${body.subarray(0, id.length + 1)}:${body.length}`;
  world.tagsMade.set(etag, content);
  return known === undefined || known === content ? undefined : `its ETag ${etag} is that of ${known}`;
}
