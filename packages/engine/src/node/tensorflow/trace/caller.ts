import { fileURLToPath } from 'node:url';

/** This package's own src or dist, and upstream's kernels. */
const ownFolders = ['../../../', '../../../../vendor/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);
/** TensorFlow.js, also as its source maps name it. */
const upstream = /[\\/](node_modules[\\/](@tensorflow|tslib)|tfjs-[a-z-]+[\\/]src)[\\/]/;

/**
 * The place in the user's code that called us: `file:line:column` of the first stack frame that is
 * neither TensorFlow.js's nor this package's.
 */
export function callerLine(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 200;
  const { stack = '' } = new Error('where');
  Error.stackTraceLimit = limit;
  const frames = stack.split('\n').slice(1);
  const place = frames.map(placeIn).find((found) => found !== undefined && !isOurs(found));
  return place ?? 'an unknown line';
}

/**
 * `at name (file:///folder/file.ts:1:2)` → `/folder/file.ts:1:2`; undefined for Node's own frames.
 */
function placeIn(frame: string): string | undefined {
  const found = /\(?((?:file:\/\/|[A-Za-z]:\\|\/)[^()]*:\d+:\d+)\)?$/.exec(frame.trim())?.[1];
  if (found === undefined) return undefined;
  return found.startsWith('file://') ? fileURLToPath(found) : found;
}

function isOurs(place: string): boolean {
  return upstream.test(place) || ownFolders.some((folder) => place.startsWith(folder));
}
