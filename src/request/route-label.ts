/** How many names and paths are remembered with their labels, so that the usual ones are not read again. */
const REMEMBERED = 2000;
const LONGEST = 256;
/** Beyond so many parts the rest is one. */
const DEPTH = 8;
/** A part that is no name but one of many: a number, a UUID, a hash, a token, or anything long. */
const ONE_OF_MANY = /^(?:\d+|(?=.*\d)[\da-f-]{8,}|(?=.*\d)(?=.*[a-z])[\w.~-]{20,}|.{49,})$/i;

const labels = new Map<string, string>();

/**
 * What statistics call a route, from the name that the option `key` gave it, or else its path: the parts that differ
 * from one resource to the next stand as `*`, so that `/users/1` and `/users/2` are one.
 *
 * @example
 * ```ts
 * routeLabel('/users/42/orders/6f1c2a9e-…'); // '/users/*\/orders/*'
 * routeLabel('user:42');                     // 'user:*'
 * ```
 */
export function routeLabel(name: string): string {
  const known = labels.get(name);
  if (known !== undefined) return known;
  const label = labelOf(name);
  if (labels.size >= REMEMBERED) labels.clear();
  if (name.length <= LONGEST) labels.set(name, label);
  return label;
}

function labelOf(name: string): string {
  let depth = 0;
  return name.replace(/[/:][^/:]*|^[^/:]+/g, (part) => {
    depth++;
    if (depth > DEPTH) return depth === DEPTH + 1 ? '/…' : '';
    const sign = /^[/:]/.test(part) ? part[0]! : '';
    const rest = part.slice(sign.length);
    return ONE_OF_MANY.test(rest) ? `${sign}*` : part;
  });
}
