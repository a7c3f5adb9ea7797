import { UnavailableError } from '../errors.js';

/** ioredis says which of its options and streams are to blame where a connection is lost, none of which anybody has set. */
export function lossOr(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
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
