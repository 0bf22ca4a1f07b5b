/**
 * Runs before every test file of a process that several files share: the environment variables and
 * the backend are those that the process started with.
 */
import * as tf from '@tensorflow/tfjs-core';
import { vi } from 'vitest';

const key = Symbol.for('@kd/testing environment');
const shared = globalThis as { [key]?: NodeJS.ProcessEnv };
shared[key] ??= { ...process.env };
for (const name of Object.keys(process.env))
  if (!(name in shared[key]) && !name.startsWith('VITEST')) delete process.env[name];
for (const [name, value] of Object.entries(shared[key]))
  if (!name.startsWith('VITEST')) process.env[name] = value;

vi.restoreAllMocks();
if (tf.findBackend('cpu') !== null) await tf.setBackend('cpu');
