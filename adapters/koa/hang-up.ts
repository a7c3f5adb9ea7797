import type { ServerResponse } from 'node:http';

/** Lets a handler destroy its response without its connection; the function returned ends that, and says if it did. */
export function holdHangUp(res: ServerResponse): () => boolean {
  let happened = false;
  const own = Object.getOwnPropertyDescriptor(res, 'destroy');
  const { destroy } = res;
  res.destroy = (error) => {
    // What has begun cannot be taken back.
    if (res.headersSent) return destroy.call(res, error);
    happened = true;
    return res;
  };
  return () => {
    if (own === undefined) Reflect.deleteProperty(res, 'destroy');
    else Object.defineProperty(res, 'destroy', own);
    return happened;
  };
}
