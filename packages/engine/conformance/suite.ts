import { mkdir, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** TensorFlow.js core's own tests, as one module. */
export interface Suite {
  /** Sets the backends for which `loadTests` declares its tests. */
  setTestEnvs(
    environments: readonly {
      name: string;
      backendName: string;
      flags: object;
      isDataSync: boolean;
    }[],
  ): void;
  /** Declares every test to the global jasmine. */
  loadTests(): void;
}

const require = createRequire(import.meta.url);

/**
 * Bundles the tests of the installed @tensorflow/tfjs-core, with the copy of its sources that they
 * test: Node cannot import them (ES modules in a CommonJS
 * package). Engine, registries, environment and the class Tensor are global objects, so that there
 * is one of each. Load it after the engine
 * has started: the flags then belong to the copy under test.
 */
export async function loadSuite(): Promise<Suite> {
  const directory = join(dirname(fileURLToPath(import.meta.url)), 'build');
  // Several runs may start at once: each writes its own, and moves it into place whole.
  const part = join(directory, `suite.${process.pid}.cjs`);
  await mkdir(directory, { recursive: true });
  await build({
    stdin: {
      contents: `
        import './public/chained_ops/register_all_chained_ops.js';
        export { setTestEnvs } from './jasmine_util.js';
        export const loadTests = () => require('./tests.js');`,
      resolveDir: join(dirname(require.resolve('@tensorflow/tfjs-core/package.json')), 'dist'),
    },
    outfile: part,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    external: ['jasmine-core', 'node-fetch'],
    // The package declares its test files free of side effects.
    ignoreAnnotations: true,
    logLevel: 'error',
  });
  const file = join(directory, 'suite.cjs');
  await rename(part, file);
  return require(file) as Suite;
}
