// Who asks for what, when: requests as a real site sees them, made from a seed.

import { generator, waiting, Zipf } from './random.js';

/**
 * What a trace is made of.
 * @typedef {object} Traffic
 * @property {number} seed
 * @property {number} seconds how long it is
 * @property {number} rate requests a second, writes included
 * @property {number} processes that a load balancer deals them out to
 * @property {number} tenants by Zipf's law, with `tenantExponent`
 * @property {number} pages of each tenant, by Zipf's law, with `exponent`
 * @property {number} writes which share of the requests changes something, by the same laws
 * @property {{ seconds: number, pages: number }} [drift] every so often the popular pages are others, so many further on
 * @property {number} [day] how long a day is, seconds: tenants with even numbers are asked for by day, the others by night
 * @property {{ from: number, to: number, share: number }} [crowd] for a time, a share of all reads is for one page
 * @property {number} [crawl] which share of the reads is a crawler's, which takes each page of each tenant in turn
 */

/**
 * Traffic with nothing unusual in it.
 * @type {Traffic}
 */
export const TRAFFIC = {
  ...{ seed: 1, seconds: 840, rate: 250, processes: 4 },
  ...{ tenants: 100, tenantExponent: 0.8, pages: 500, exponent: 0.8, writes: 0.01 },
};

/**
 * The requests, in order of time.
 * @param {Traffic} traffic
 * @yields {{ at: number, process: number, tenant: number, page: number, write: boolean }} `at`: seconds
 */
export function* trace(traffic) {
  const { seed, seconds, rate, processes, tenants, pages, writes, crowd, crawl = 0 } = traffic;
  const random = generator(seed);
  const tenantOf = new Zipf(tenants, traffic.tenantExponent);
  const pageOf = new Zipf(pages, traffic.exponent);
  let crawled = 0;
  for (let at = waiting(random, rate); at < seconds; at += waiting(random, rate)) {
    const process = Math.floor(random() * processes);
    const write = random() < writes;
    const kind = write ? 1 : random();
    if (kind < crawl) {
      yield { at, process, tenant: Math.floor(crawled / pages) % tenants, page: crawled++ % pages, write };
    } else if (crowd !== undefined && at >= crowd.from && at < crowd.to && kind < crawl + crowd.share) {
      // A page that nobody has cared for before.
      yield { at, process, tenant: 0, page: pages - 1, write };
    } else {
      const tenant = awake(random, tenantOf, traffic, at);
      yield { at, process, tenant, page: drifted(pageOf.rank(random()), traffic, at), write };
    }
  }
}

function awake(random, tenantOf, { day }, at) {
  for (;;) {
    const tenant = tenantOf.rank(random());
    if (day === undefined) return tenant;
    const light = (1 + Math.cos((2 * Math.PI * at) / day)) / 2;
    if (random() < (tenant % 2 === 0 ? light : 1 - light)) return tenant;
  }
}

function drifted(rank, { drift, pages }, at) {
  if (drift === undefined) return rank;
  return (rank + Math.floor(at / drift.seconds) * drift.pages) % pages;
}
