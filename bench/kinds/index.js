// The ways of measuring: each has `measure(scene, context)`, and the `columns` of its table.

import * as cold from './cold.js';
import * as invalidation from './invalidation.js';
import * as latency from './latency.js';
import * as memory from './memory.js';
import * as rounds from './rounds.js';
import * as stampede from './stampede.js';

const KINDS = { rounds, latency, stampede, memory, cold, invalidation };

export const measureScene = (scene, context) => KINDS[scene.kind].measure(scene, context);
export const columnsOf = (kind) => KINDS[kind].columns;
