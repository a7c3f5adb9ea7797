// Where a row is played: its own path in an application that it shares with others.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, ask } from '../adapters/client.js';
import { linesOf, valuesOf } from './fields.js';
import { judge, type Played } from './judge.js';
import type { Asked, Script, Sent } from './origin.js';
import type { Mounted, Rig } from './rig.js';
import type { From, Row, Step } from './table.js';

/** How long something in the background is waited for, ms. */
const PATIENCE = 4000;
const POLL = 3;

let rows = 0;

/** Plays a row. @throws what is wrong, and all that was said up to there */
export async function play(rig: Rig, row: Row): Promise<void> {
  const stage = new Stage(rig, await rig.mount(row.options));
  if (row.act !== undefined) return row.act(stage);
  for (const step of row.steps) await stage.play(step);
}

/** One row on its way through its steps. */
export class Stage {
  readonly rig: Rig;
  readonly mounted: Mounted;
  readonly path = `/${++rows}-row`;
  readonly #played: Played[] = [];
  /** By step: the last answer that the origin gave in full. */
  readonly #full = new Map<number, Sent>();
  #updated = false;

  constructor(rig: Rig, mounted: Mounted) {
    this.rig = rig;
    this.mounted = mounted;
    const host = `127.0.0.1:${mounted.port}`;
    rig.origin.scene = { start: rig.clock.now(), now: rig.clock.now, path: this.path, host };
  }

  /** Says what the origin is to answer from now on. */
  answers(script: Script | ((asked: Asked) => Script)): void {
    this.rig.origin.reply = typeof script === 'function' ? script : () => script;
  }

  ask({ method = 'GET', to = '', fields = [], sends }: Step = {}): Promise<Answer> {
    const headers: Record<string, string | string[]> = {};
    for (const [name, value] of linesOf(fields, this.rig.origin.scene)) {
      headers[name] = headers[name] === undefined ? value : [headers[name], value].flat();
    }
    return ask(this.mounted.port, this.path + to, { method, headers, ...(sends === undefined ? {} : { body: sends }) });
  }

  /** How often the origin has been asked for this row. */
  get asked(): readonly Asked[] {
    return this.rig.origin.asked.filter(({ target }) => target.startsWith(this.path));
  }

  /** Over some ms from now, so that others come meanwhile. */
  later(ms: number): Promise<void> {
    return sleep(ms);
  }

  /** Waits for something that takes place in the background. */
  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + PATIENCE;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
      await sleep(POLL);
    }
  }

  async play(step: Step): Promise<void> {
    // A refresh in the background is over some time after its answer: until then the step is tried again.
    const end = this.#played.at(-1)?.from === 'revalidating' ? Date.now() + PATIENCE : 0;
    for (;;) {
      const played = await this.#attempt(step);
      const problems = judge(played, this.#context(played));
      if (problems.length > 0 && Date.now() < end) {
        await sleep(POLL);
        continue;
      }
      this.#keep(played);
      if (problems.length > 0) throw new Error(`${problems.join('\n')}\n\n${this.#played.map(transcript).join('\n')}`);
      break;
    }
    this.rig.clock.forward(step.wait ?? 0);
  }

  async #attempt(step: Step): Promise<Played> {
    const { origin } = this.rig;
    const number = this.#played.length + 1;
    const from: From = step.from ?? 'origin';
    const script: Script = { body: `answer ${number}`, ...step.origin };
    const since = origin.asked.length;
    // Something of the row before may be on its way yet.
    const own = (index: number) => index >= since && origin.asked[index]?.target.startsWith(this.path) === true;
    this.answers((asked) => (script.status === 304 && !isConditional(asked) ? { body: 'no condition' } : script));
    const answer = await this.ask(step).catch(() => undefined);
    if (from === 'revalidating') {
      const isAnswered = () => origin.asked.some((_, index) => own(index) && origin.sent[index] !== undefined);
      await this.until('the refresh', isAnswered).catch(() => {});
    }
    const asked = origin.asked.filter((_, index) => own(index));
    return {
      step,
      from,
      script,
      answer,
      asked,
      sent: origin.asked.flatMap((_, i) => (own(i) ? [origin.sent[i]] : [])),
    };
  }

  #context({ step }: Played) {
    const of = step.of ?? [...this.#full.keys()].at(-1) ?? 0;
    return { scene: this.rig.origin.scene, stored: this.#full.get(of), updated: this.#updated };
  }

  #keep(played: Played): void {
    this.#played.push(played);
    const [sent] = played.sent;
    if (sent === undefined) return;
    const { method = 'GET' } = played.step;
    const failed = played.from === 'fallback' || (played.from === 'revalidating' && sent.status >= 500);
    if (sent.status === 304 || method === 'HEAD') this.#updated = true;
    else if (!failed && (method === 'GET' || method === 'POST')) {
      this.#full.set(this.#played.length, sent);
      this.#updated = false;
    }
  }
}

function isConditional({ lines }: Asked): boolean {
  return valuesOf(lines, 'if-none-match').length + valuesOf(lines, 'if-modified-since').length > 0;
}

function transcript({ step, asked, sent, answer }: Played, index: number): string {
  const { method = 'GET', to = '', fields = [] } = step;
  const text = [`${index + 1}. ${method} ${to} ${JSON.stringify(fields)}`];
  for (const [i, each] of asked.entries()) {
    text.push(`   origin: ${each.method} ${head(each.lines)}`);
    const said = sent[i];
    text.push(`        -> ${said === undefined ? 'nothing' : `${said.status} ${head(said.lines)}`}`);
  }
  if (answer === undefined) text.push('   -> nothing');
  else text.push(`   -> ${answer.status} ${head(answer.lines)} ${JSON.stringify(answer.text)}`);
  return text.join('\n');
}

function head(lines: Asked['lines']): string {
  return lines.map(([name, value]) => `${name}: ${value}`).join(' | ');
}
