import { UnavailableError } from '../errors.js';

/** How ioredis says that a command had no answer. */
const LOST =
  /^(?:Stream isn't writeable|Connection is closed|Command aborted due to connection close|Reached the max retries)/;

/**
 * ioredis says which of its options and streams are to blame where a connection is lost, none of which anybody has set; and of what Redis
 * refuses, what it was asked.
 */
export function lossOr(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  hideCommand(error);
  return LOST.test(error.message) ? new UnavailableError('the connection to Redis was lost', { cause: error }) : error;
}

/**
 * Whether it is Redis' own reply. A client that is bundled with its application may have lost the names of its classes: of a reply it
 * still tells what was asked, as else only of what it gave up itself.
 */
export function isReply(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { command } = error as { readonly command?: { readonly name?: unknown } };
  return error.name === 'ReplyError' || (typeof command?.name === 'string' && !LOST.test(error.message));
}

/** The same, for callers that are promised an {@link UnavailableError}: what Redis refuses (a replica, a user's missing rights) is one, too. */
export function unavailableOr(error: unknown): unknown {
  const told = lossOr(error);
  return isReply(told) ? new UnavailableError(told.message, { cause: told }) : told;
}

/**
 * What Redis was asked holds a password, or what is stored: who looks for it in the error finds it there, but loggers, which write
 * out all that can be counted, do not. A Cluster's error brings that of one of its servers along.
 */
function hideCommand(error: Error): void {
  if (Object.hasOwn(error, 'command')) Reflect.defineProperty(error, 'command', { enumerable: false });
  const { lastNodeError } = error as { readonly lastNodeError?: unknown };
  if (lastNodeError instanceof Error) hideCommand(lastNodeError);
}
