import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** A process that loads libtensorflow takes about half a gigabyte and uses every core itself: more than four at once gain nothing. */
export default defineConfig({ test: { projects: ['packages/*', 'tools/*', 'examples/*'], maxWorkers: Math.min(4, availableParallelism()) } });
