import { createHash } from 'node:crypto';
import { sent } from './redirects.js';
import type { RedisClient } from './redis-client.js';

/** A Lua script and its digest. */
interface Text {
  readonly lua: string;
  readonly sha: string;
}

/** A script, and how it is before Redis 7, where its first line is not understood. */
export interface Script extends Text {
  readonly old: Text;
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
  return { ...digested(`#!lua${flags}\n${lua}`), old: digested(lua) };
}

function digested(lua: string): Text {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
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
  /** Whether its server is older than Redis 7. */
  #isOld = false;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /** There is a new connection: its server may know none of them, and be another. */
  forget(): void {
    this.#sent.clear();
    this.#isOld = false;
  }

  /**
   * Runs one. It goes whole the first time, so that it runs before what is sent after it, whether the server knows it or not; and once
   * more where a server (another of a Cluster's) does not know its digest.
   */
  async run(what: Script, call: ScriptCall): Promise<unknown> {
    const { lua, sha } = this.#isOld ? what.old : what;
    if (this.#sent.has(sha)) {
      try {
        return await this.#byDigest(sha, call);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      }
    }
    this.#sent.add(sha);
    try {
      return await this.#whole(lua, call);
    } catch (error) {
      const isRefused = error instanceof Error && /compiling script/i.test(error.message);
      if (!isRefused || lua === what.old.lua) throw error;
      this.#isOld = true;
      return this.run(what, call);
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
