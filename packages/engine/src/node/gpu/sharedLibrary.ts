import koffi from 'koffi';

const lazy = 1;

/**
 * Loads a shared library as TensorFlow would, for good.
 * @param path A file, or a name that the system searches for. @returns The system's own words where
 * it does not load.
 */
export function whyNotLoaded(path: string): string | undefined {
  const self = koffi.load(null);
  const handle: number = self.func('dlopen', 'size_t', ['str', 'int'])(path, lazy);
  return handle === 0 ? (self.func('dlerror', 'str', [])() ?? `${path} does not load`) : undefined;
}
