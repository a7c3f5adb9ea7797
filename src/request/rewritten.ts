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
  if (url === undefined) return undefined;
  const mountPath = (source as Mounted | null | undefined)?.mountPath;
  if (typeof mountPath === 'string') {
    // Of `koa-mount` only the innermost is known; and it is still told of where the path is whole again.
    const left = ends(mountPath, url).some((end) => target.endsWith(end));
    return left || (url === target && url.startsWith(mountPath)) ? undefined : mountPath + url;
  }
  const { baseUrl } = request as Mounted;
  if (typeof baseUrl !== 'string' || baseUrl === '') return url === target ? undefined : url;
  return ends(baseUrl, url).includes(target) ? undefined : baseUrl + url;
}

/** What a mount has left a URL of, in both ways: one that takes all of the path off leaves a slash. */
function ends(mount: string, url: string): readonly string[] {
  return url.startsWith('/') ? [mount + url, mount + url.slice(1)] : [mount + url];
}
