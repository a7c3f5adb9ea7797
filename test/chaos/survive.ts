import { expect } from 'vitest';
import { put, type Rig } from './rig.js';

/** A fault that takes Redis away, and its end. */
export interface Fault {
  strike(): Promise<void> | void;
  mend(): Promise<void> | void;
}

/**
 * Before, during and after a fault: each answer is right and in time (the rig sees to that), invalidations say whether
 * they are durable, and the hits come back by themselves.
 */
export async function survive(rig: Rig, { strike, mend }: Fault): Promise<void> {
  const [express, koa] = rig.apps;
  await rig.hit();
  for (const app of rig.apps) expect(await rig.invalidate(app)).toMatchObject({ durable: true });

  await strike();
  await rig.broken();
  const receipts = await Promise.all(rig.apps.map((app) => rig.invalidate(app)));
  for (const receipt of receipts) expect(receipt).toMatchObject({ durable: false });
  expect(await Promise.all([put(rig, express, 'client-1', '1'), put(rig, koa, 'client-2', '2')])).toEqual([200, 200]);
  await rig.answered(30);

  await mend();
  await rig.hit();
  await Promise.all(rig.apps.map((app) => rig.durable(app)));
  await rig.hit();
  await rig.mended();
}
