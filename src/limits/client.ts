import { BlockList, isIPv6 } from 'node:net';
import { escapeTenant } from '../request/tenant.js';

/*
 * The format of keys: <prefix>limit:<name>:<kind>:<client>. <kind> is t (tenant), i (address), b (both, in this order)
 * or f (what a function returned); every part is escaped as tenants are, and hashed where it is longer than 200
 * characters. Nothing that sweeps, erases or backs up responses looks outside <prefix>client:.
 */

/** The beginning of the keys of a limit. */
export function limitSpace(prefix: string, name: string): string {
  return `${prefix}limit:${escapeTenant(name)}`;
}

/** Who is counted: by tenant (escaped), by address, by both, or by a text of the application's. */
export function clientName(
  kind: 't' | 'i' | 'b' | 'f',
  { tenant = '', ip, text = '' }: { tenant?: string | undefined; ip?: string | undefined; text?: string },
): string {
  const address = () => escapeTenant(networkOf(ip ?? ''));
  if (kind === 't') return `t:${tenant}`;
  if (kind === 'f') return `f:${escapeTenant(text)}`;
  return kind === 'i' ? `i:${address()}` : `b:${tenant}:${address()}`;
}

const MAPPED = new BlockList();
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');

/** What proxies may write in `X-Forwarded-For`: an address with a port (Azure's, IIS'), which is another one for each connection. */
const ADDRESS = /^(?:\[([^\]]*)\]|(\d+(?:\.\d+){3}))(?::\d+)?$/;

/**
 * What an address is counted as: an IPv6 network of 64 bits, all of which one client is usually given; an IPv4 address
 * as it is, also where it is written as an IPv6 one. A port beside it says nothing.
 */
export function networkOf(ip: string): string {
  const [, long, short] = ADDRESS.exec(ip) ?? [];
  if (short !== undefined) return short;
  const address = (long ?? ip).replace(/%.*$/s, '');
  if (!isIPv6(address)) return ip;
  const groups = groupsOf(address);
  if (MAPPED.check(address, 'ipv6'))
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 255])
      .join('.');
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::`;
}

/** The eight groups of an IPv6 address, however it is written. */
function groupsOf(address: string): number[] {
  const plain = address.replace(/[\d.]+$/, (end) => {
    if (!end.includes('.')) return end;
    const [a = 0, b = 0, c = 0, d = 0] = end.split('.').map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [left = '', right = ''] = plain.split('::');
  const parse = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [before, behind] = [parse(left), parse(right)];
  return [...before, ...new Array<number>(8 - before.length - behind.length).fill(0), ...behind];
}
