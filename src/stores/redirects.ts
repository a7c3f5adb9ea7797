import type { Redis } from 'ioredis';
import type { RedisClient } from './redis-client.js';

/** Sends one command, in this very moment, and gives its answer. */
export type Send<T> = (to: RedisClient) => Promise<T>;

/** What a Cluster says of a key that another of its servers has by now, or will have soon; and ioredis where it has just heard of that. */
const REDIRECTED = /^(?:MOVED|ASK|TRYAGAIN) |^All keys in the pipeline should belong to the same slots/;

/**
 * Sends a command. Of several that a client has gathered (auto-pipelining) for a Cluster which moves its slots, ioredis follows no
 * redirection, and one key that has moved fails others, too. None of those that are refused has been done: each is sent again by itself.
 */
export function sent<T>(client: RedisClient, send: Send<T>): Promise<T> {
  const answer = send(client);
  return 'nodes' in client ? answer.catch((error) => followed(client, send, error)) : answer;
}

/** Sends one that has failed again, if it was for that. Rejects with what it has failed with, if not. */
export function followed<T>(client: RedisClient, send: Send<T>, error: unknown): Promise<T> {
  if (!(error instanceof Error) || !REDIRECTED.test(error.message)) return Promise.reject(error);
  const { options } = client;
  const gathers = options.enableAutoPipelining;
  // For this one call. A pipeline with nothing else in it would not do: it finds no server that is new in the Cluster.
  options.enableAutoPipelining = false;
  try {
    return send(client);
  } finally {
    options.enableAutoPipelining = gathers;
  }
}

const minded = new WeakSet<Redis>();

/**
 * For each server of a Cluster: what a client sends it before a command that was redirected there (`ASKING`) nobody waits for, and where
 * the connection ends just then the rejection would end the process. The command itself tells its caller.
 */
export function mind(node: Redis): void {
  if (minded.has(node)) return;
  minded.add(node);
  const { asking } = node;
  node.asking = (...args: Parameters<typeof asking>) => {
    const asked = asking.apply(node, args);
    asked.catch(() => {});
    return asked;
  };
}
