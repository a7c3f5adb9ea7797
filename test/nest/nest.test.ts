// All of it in one file, so that each version of NestJS is loaded once.

import './routes.js';
import './invalidation.js';
import './methods.js';
import './module.js';
