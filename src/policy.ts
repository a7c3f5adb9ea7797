/** How a cache reads HTTP: as the part of an application that it is, or as a shared cache in front of an origin. */
export type Mode = 'application' | 'rfc9111';

/**
 * What the two modes do differently. A mode is a set of these values, and of defaults for options; nothing asks for the
 * mode itself.
 */
export interface Policy {
  /** Whether a response that says nothing of its freshness has the configured `ttl`. */
  readonly implicitTtl: boolean;
  /** Whether errors (5xx, and statuses that depend on who asks) are stored where they are given a lifetime. */
  readonly storesErrors: boolean;
  /** Whether a response that may not be used without asking is stored all the same, for its validator. */
  readonly storesStale: boolean;
  /** Whether cookies make a request or a response personal. RFC 9111 §7.3 leaves that to Cache-Control. */
  readonly guardsCookies: boolean;
  /** Whether fields that speak to one client (`Retry-After`, request ids) are left out of what is stored. */
  readonly dropsPersonal: boolean;
  /** Whether a response in a coding depends on `Accept-Encoding` also where it does not say so. */
  readonly keysCodings: boolean;
  /** Whether a response without an entity tag is given one. */
  readonly makesEtag: boolean;
  /** Whether the order of languages that a client likes equally is a preference, too, as frameworks read it. */
  readonly languageOrder: boolean;
  /** Whether `Accept` counts as it came, as to handlers that look for `text/html` in it. */
  readonly acceptAsWritten: boolean;
  /** Whether a HEAD must say something of the body (a validator, its length) to speak for a stored GET. */
  readonly headNeedsProof: boolean;
}

const APPLICATION: Policy = Object.freeze({
  implicitTtl: true,
  storesErrors: false,
  storesStale: false,
  guardsCookies: true,
  dropsPersonal: true,
  keysCodings: true,
  makesEtag: true,
  languageOrder: true,
  acceptAsWritten: true,
  headNeedsProof: true,
});

const RFC9111: Policy = Object.freeze({
  implicitTtl: false,
  storesErrors: true,
  storesStale: true,
  guardsCookies: false,
  dropsPersonal: false,
  keysCodings: false,
  makesEtag: false,
  languageOrder: false,
  acceptAsWritten: false,
  headNeedsProof: false,
});

/** The policy of each mode, and what it makes the default of options that can also be set on their own. */
export const MODES: Readonly<
  Record<
    Mode,
    {
      readonly policy: Policy;
      readonly requestDirectives: 'ignore' | 'honor';
      readonly heuristic: number;
      readonly storePost: boolean;
      readonly retain: number | undefined;
      readonly sort: boolean;
    }
  >
> = Object.freeze({
  application: {
    policy: APPLICATION,
    requestDirectives: 'ignore',
    heuristic: 0,
    storePost: false,
    retain: undefined,
    sort: true,
  },
  rfc9111: {
    policy: RFC9111,
    requestDirectives: 'honor',
    heuristic: 0.1,
    storePost: true,
    retain: 86_400,
    sort: false,
  },
});
