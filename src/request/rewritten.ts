/** What frameworks say of the mounts around a layer: Express in its request, `koa-mount` in the context. */
interface Mounted {
  readonly baseUrl?: unknown;
  readonly mountPath?: unknown;
}

/**
 * The URL that layers have made of a target (a version for mobiles, a language), where it is not what mounts leave of it.
 * Whatever is inside answers that one, and clients of one target may be given different ones.
 */
export function rewritten(
  target: string,
  url: string | undefined,
  request: object,
  source: unknown,
): string | undefined {
  if (url === target || url === undefined) return undefined;
  const { baseUrl = '' } = request as Mounted;
  // A mount that takes all of the path off leaves a slash.
  const rest = url.startsWith('/') ? url.slice(1) : url;
  if (typeof baseUrl === 'string' && baseUrl !== '' && (target === baseUrl + url || target === baseUrl + rest))
    return undefined;
  const mounted = (source as Mounted | null | undefined)?.mountPath !== undefined;
  return mounted && target.endsWith(rest) ? undefined : url;
}
