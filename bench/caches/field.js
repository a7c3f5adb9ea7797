// No cache at all: a middleware that says one field, which is the least that a cache does with an answer it has no part in.

const MEMBER = 'respcache; fwd=bypass; detail=nothing';

export function middleware({ stack }) {
  return stack === 'koa' ? koa : express;
}

function express(_req, res, next) {
  res.setHeader('Cache-Status', MEMBER);
  next();
}

function koa(ctx, next) {
  ctx.set('Cache-Status', MEMBER);
  return next();
}
