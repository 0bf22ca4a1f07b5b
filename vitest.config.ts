import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: ['packages/*', 'tools/*', 'examples/*', 'bench'],
    globalSetup: ['tools/check/src/vendored.ts'],
    // A process that loads libtensorflow takes about half a gigabyte and computes on every core:
    // more than four at once gain nothing.
    maxWorkers: Math.min(4, availableParallelism()),
    slowTestThreshold: 2_000,
    onConsoleLog: (text) =>
      !text.includes('Hi, looks like you are running TensorFlow.js in Node.js'),
  },
});
