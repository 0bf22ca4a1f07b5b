import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';

/**
 * Sources of the packages are used as they are, without a build. Everything that the page needs is
 * in dist/, under addresses relative to it: any static server will do.
 */
export default defineConfig(({ command }) => ({
  base: './',
  define: { __IS_BUNDLED__: String(command === 'build') },
  resolve: { conditions: ['@kd/source', ...defaultClientConditions] },
  worker: {
    format: 'es',
    // startEngine.ts imports the backend of WebAssembly that @kd/engine would import later.
    rolldownOptions: { checks: { ineffectiveDynamicImport: false } },
  },
  optimizeDeps: {
    include: [
      '@tensorflow/tfjs-core',
      '@tensorflow/tfjs-core/dist/register_all_gradients.js',
      '@tensorflow/tfjs-backend-wasm',
      '@tensorflow/tfjs-backend-webgpu',
      '@kd/engine > @tensorflow/tfjs-backend-cpu',
      '@kd/models > @tensorflow/tfjs-layers',
    ],
  },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2_000,
    rolldownOptions: {
      input: { index: 'index.html', 'service-worker': 'src/offline/serviceWorker.ts' },
      output: {
        entryFileNames: ({ name }) =>
          name === 'service-worker' ? 'service-worker.js' : 'assets/[name]-[hash].js',
      },
    },
  },
  plugins: [listFilesForOffline()],
}));

/** Tells the service worker which files there are, and a version that changes with any of them. */
function listFilesForOffline(): Plugin {
  let directory = '';
  return {
    name: 'list-files-for-offline',
    apply: 'build',
    configResolved({ root, build }) {
      directory = path.resolve(root, build.outDir);
    },
    writeBundle() {
      const script = path.join(directory, 'service-worker.js');
      const files = readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
        .map((file) => file.replaceAll(path.sep, '/'))
        .filter((file) => file !== 'service-worker.js' && !file.endsWith('.map'))
        .sort();
      const version = createHash('sha256');
      for (const file of files)
        version.update(file).update(readFileSync(path.join(directory, file)));
      const code = readFileSync(script, 'utf8')
        .replaceAll('__FILES__', JSON.stringify(files))
        .replaceAll('__VERSION__', JSON.stringify(version.digest('hex').slice(0, 16)));
      writeFileSync(script, code);
    },
  };
}
