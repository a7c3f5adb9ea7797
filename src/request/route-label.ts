/** How many parts of a name are told apart; the rest becomes one, `…`. */
const DEPTH = 8;
/** From which length on a part is one of many whatever it holds; a shorter one has to have a digit, and `CODE` characters unless all are digits. */
const LONG = 49;
const CODE = 8;
/** A hash, a UUID, or a token, of a part that has a digit. */
const ONE_OF_MANY = /^(?:[\da-f-]{8,}|(?=.*[a-z])[\w.~-]{20,})$/i;

const [SLASH, COLON] = [0x2f, 0x3a];

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
  let label = '';
  // Up to where the name is in the label.
  let told = 0;
  let depth = 0;
  for (let start = 0; start < name.length; ) {
    if (++depth > DEPTH) return `${label}${name.slice(told, start)}/…`;
    const from = isSign(name.charCodeAt(start)) ? start + 1 : start;
    let end = from;
    let digits = 0;
    for (; end < name.length; end++) {
      const code = name.charCodeAt(end);
      if (isSign(code)) break;
      if (code >= 0x30 && code <= 0x39) digits++;
    }
    if (isOneOfMany(name, from, end, digits)) {
      label += `${name.slice(told, from)}*`;
      told = end;
    }
    start = end;
  }
  return told === 0 ? name : label + name.slice(told);
}

/** A part that is no name but one of many: a number, a UUID, a hash, a token, or anything long. */
function isOneOfMany(name: string, from: number, end: number, digits: number): boolean {
  const length = end - from;
  if (length >= LONG) return true;
  if (digits === 0) return false;
  return digits === length || (length >= CODE && ONE_OF_MANY.test(name.slice(from, end)));
}

function isSign(code: number): boolean {
  return code === SLASH || code === COLON;
}
