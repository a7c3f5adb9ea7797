// A middleware, in memory.

import expressCache from 'cache-express';

export const middleware = () => expressCache({ timeOut: 3_600_000, onTimeout: () => {} });
