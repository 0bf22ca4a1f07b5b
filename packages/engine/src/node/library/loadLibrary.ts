import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import koffi, { type LibraryHandle } from 'koffi';
import { frameworkFile, libraryFile } from './libraryFiles.ts';

/**
 * Loads libtensorflow from a directory and never unloads it. Prints nothing unless
 * TF_CPP_MIN_LOG_LEVEL is set.
 */
export function loadLibrary(directory: string): LibraryHandle {
  const load = () => {
    const framework = loadPinned(join(directory, frameworkFile));
    silenceLog(framework);
    return loadPinned(join(directory, libraryFile));
  };
  return process.env.TF_CPP_MIN_LOG_LEVEL === undefined ? withoutStderr(load) : load();
}

/**
 * Loads a library with RTLD_NODELETE: koffi unloads it at exit while its threads still run, which
 * would crash.
 */
function loadPinned(path: string): LibraryHandle {
  const library = koffi.load(path, { lazy: true });
  const lazyAndNoDelete = process.platform === 'darwin' ? 0x81 : 0x1001;
  koffi.load(null).func('dlopen', 'size_t', ['str', 'int'])(path, lazyAndNoDelete);
  return library;
}

/**
 * Runs a function with stderr redirected: static initializers of the library log before any of its
 * functions can be called. Errors are thrown, not printed.
 */
function withoutStderr<Result>(run: () => Result): Result {
  const self = koffi.load(null);
  const duplicateTo = self.func('dup2', 'int', ['int', 'int']);
  const kept: number = self.func('dup', 'int', ['int'])(2);
  const nowhere = openSync('/dev/null', 'w');
  duplicateTo(nowhere, 2);
  try {
    return run();
  } finally {
    duplicateTo(kept, 2);
    closeSync(nowhere);
    // Node warns if a worker closes a descriptor that it did not open.
    self.func('close', 'int', ['int'])(kept);
  }
}

/** Releases of abseil, whose dates are part of its symbol names; TensorFlow 2.21 has 20250814. */
const abseilReleases = [
  '20230802',
  '20240116',
  '20240722',
  '20250127',
  '20250512',
  '20250814',
  '20260107',
];

/** Calls `absl::SetMinLogLevel`, for TensorFlow's later log: errors are returned as statuses. */
function silenceLog(framework: LibraryHandle): void {
  const fatalOnly = 3;
  const level = Number(process.env.TF_CPP_MIN_LOG_LEVEL ?? fatalOnly);
  const release = abseilReleases.find((date) => exportsSymbol(framework, setMinLogLevel(date)));
  if (release !== undefined) framework.func(setMinLogLevel(release), 'void', ['int'])(level);
}

function setMinLogLevel(abseilRelease: string): string {
  return `_ZN4absl12lts_${abseilRelease}14SetMinLogLevelENS0_18LogSeverityAtLeastE`;
}

function exportsSymbol(library: LibraryHandle, name: string): boolean {
  try {
    return library.symbol(name) !== null;
  } catch {
    return false;
  }
}
