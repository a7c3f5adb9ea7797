import { UnavailableError } from '../errors.js';

/**
 * ioredis says which of its options and streams are to blame where a connection is lost, none of which anybody has set; and of what Redis
 * refuses, what it was asked.
 */
export function lossOr(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  hideCommand(error);
  const lost =
    error.name === 'MaxRetriesPerRequestError' ||
    /^(?:Stream isn't writeable|Connection is closed|Command aborted due to connection close)/.test(error.message);
  return lost ? new UnavailableError('the connection to Redis was lost', { cause: error }) : error;
}

/** The same, for callers that are promised an {@link UnavailableError}: what Redis refuses (a replica, a user's missing rights) is one, too. */
export function unavailableOr(error: unknown): unknown {
  const told = lossOr(error);
  const refused = told instanceof Error && told.name === 'ReplyError';
  return refused ? new UnavailableError(told.message, { cause: told }) : told;
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
