import { createHash } from 'node:crypto';
import { sent } from './redirects.js';
import type { RedisClient } from './redis-client.js';

/** A Lua script and its digest. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/**
 * Prepares a script. Redis 7 runs it even when out of memory, unless `thrifty`: a purge must not wait for memory to be
 * freed. One that only `reads` is also run where nothing may be written.
 */
export function script(
  lua: string,
  { thrifty = false, reads = false }: { thrifty?: boolean; reads?: boolean } = {},
): Script {
  const flags = reads ? ' flags=no-writes,allow-oom' : thrifty ? '' : ' flags=allow-oom';
  const whole = `#!lua${flags}\n${lua}`;
  return { lua: whole, sha: createHash('sha1').update(whole).digest('hex') };
}

/** What a script is given, and what it gets back: texts, or bytes if `raw`. */
export interface ScriptCall {
  readonly keys: readonly string[];
  readonly args: readonly (string | number | Buffer)[];
  readonly raw: boolean;
}

/** What every client has, though not in its types. */
interface RawScripts {
  evalBuffer(lua: string, keys: number, ...args: (string | number | Buffer)[]): Promise<unknown>;
  evalshaBuffer(sha: string, keys: number, ...args: (string | number | Buffer)[]): Promise<unknown>;
}

/** How scripts are run over one connection: whole the first time, by their digest after that. */
export class ScriptRunner {
  readonly #client: RedisClient;
  /** The digests of those that have been sent whole since there is this connection. */
  readonly #sent = new Set<string>();

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /** There is a new connection: its server may know none of them. */
  forget(): void {
    this.#sent.clear();
  }

  /**
   * Runs one. It goes whole the first time, so that it runs before what is sent after it, whether the server knows it or not; and once
   * more where a server (another of a Cluster's) does not know its digest.
   */
  async run(what: Script, call: ScriptCall): Promise<unknown> {
    if (this.#sent.has(what.sha)) {
      try {
        return await this.#byDigest(what.sha, call);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      }
    }
    this.#sent.add(what.sha);
    try {
      return await this.#whole(what.lua, call);
    } catch (error) {
      // Before Redis 7 the first line is not understood.
      if (!(error instanceof Error) || !/compiling script/i.test(error.message)) throw error;
      return await this.#whole(what.lua.slice(what.lua.indexOf('\n') + 1), call);
    }
  }

  #byDigest(sha: string, { keys, args, raw }: ScriptCall): Promise<unknown> {
    return this.#send((to) => (raw ? to.evalshaBuffer : to.evalsha).call(to, sha, keys.length, ...keys, ...args));
  }

  #whole(lua: string, { keys, args, raw }: ScriptCall): Promise<unknown> {
    return this.#send((to) => (raw ? to.evalBuffer : to.eval).call(to, lua, keys.length, ...keys, ...args));
  }

  #send(command: (to: RedisClient & RawScripts) => Promise<unknown>): Promise<unknown> {
    return sent(this.#client, (to) => command(to as RedisClient & RawScripts));
  }
}
