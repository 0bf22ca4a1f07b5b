import { ensure, expectedError, type Network, type StateDictKeyMap } from '@kd/core';
import { persistentTensor } from '@kd/core/internal';
import { findNonFinite } from '@kd/files';
import { tidy, type Variable } from '@tensorflow/tfjs-core';
import type { Weights } from './formats/weights.ts';
import {
  findLocations,
  type MatchReport,
  matchWeights,
  type NetworkLocations,
} from './matchWeights.ts';
import { type OpenWeightsOptions, openWeights } from './openWeights.ts';

/** `fileName` and `part` are for a source of bytes: parsed weights have them already. */
export interface LoadWeightsOptions extends OpenWeightsOptions {
  /**
   * `load`: the head (`network.head`) is loaded as all other layers; the default. `skip`: it keeps
   * its initial values, for classes of your own; the file's head may have any shape or be absent.
   */
  readonly head?: 'load' | 'skip';
  /** Names of our layers in the file, if none of `network.keyMaps` gives them. */
  readonly keyMap?: StateDictKeyMap;
  /** What to do with weights that the file lacks: `error`, the default, or `ignore`. */
  readonly missing?: 'error' | 'ignore';
  /**
   * What to do with tensors that belong to no weight of the network: `error`, the default, or
   * `ignore`. Batch norm's `num_batches_tracked` are always ignored.
   */
  readonly unexpected?: 'error' | 'ignore';
}

/** The result of loading: it lists every weight of the network and every tensor of the file. */
export interface LoadReport {
  /**
   * The key map by which tensors were found: `own`, the name of one of `network.keyMaps`, `own
   * names in PyTorch`, `by position` (an `nn.Sequential`), or `custom` (the option `keyMap`).
   */
  readonly keyMap: string;
  /** Prefix of every name in the file: `module.`; usually empty. */
  readonly prefix: string;
  /** Weights of the network that were loaded. */
  readonly loaded: readonly string[];
  /** Weights of the network that keep their values: a skipped head, and ignored missing ones. */
  readonly unchanged: readonly string[];
  /** Tensors of the file that were not read. */
  readonly ignored: readonly string[];
}

/**
 * Loads a file's weights into a network: by its own names or PyTorch's, with kernels transposed
 * from OIHW to HWIO, from any float type. The key map that fits best is used, and a prefix that all
 * names have is found. Variables keep their identity, and one tensor at a time is in memory. Names,
 * shapes and types are checked before the first is assigned; if a value turns out not to be finite,
 * the weights before it have been assigned.
 *
 * ```ts
 * loadWeights(teacher, bytes, { head: 'skip' });
 * ```
 * @param source The bytes of a file, or weights from `openWeights`. For paths, addresses and the
 * Hugging Face hub: `loadWeights` of @kd/models/node.
 * @throws RangeError that lists what is missing, unexpected or of another shape (with both shapes),
 * the first ten names of each.
 */
export function loadWeights(
  network: Network,
  source: Uint8Array | Weights,
  options: LoadWeightsOptions = {},
): LoadReport {
  const { head = 'load', keyMap, missing = 'error', unexpected = 'error', ...opening } = options;
  ensure(head === 'load' || head === 'skip', 'loadWeights', 'head load or skip', head);
  for (const [name, value] of Object.entries({ missing, unexpected }))
    ensure(
      value === 'error' || value === 'ignore',
      'loadWeights',
      `${name} error or ignore`,
      value,
    );
  const skipsHead = head === 'skip';
  ensure(
    !skipsHead || network.head !== undefined,
    'loadWeights',
    "a network that names its head, for head: 'skip'",
    network.name ?? 'one without',
  );
  const weights = source instanceof Uint8Array ? openWeights(source, opening) : source;
  const locations = findLocations(network, weights, keyMap);
  const match = matchWeights(network, weights, locations, skipsHead);
  const isRefused =
    match.mismatched.length > 0 ||
    (missing === 'error' && match.missing.length > 0) ||
    (unexpected === 'error' && match.unexpected.length > 0);
  if (isRefused || match.found.length === 0)
    throw mismatchError(network, weights, locations, match);

  for (const { ours, location, entry } of match.found) {
    const values = location.toOurs(entry.read());
    const wrong = findNonFinite(values);
    if (wrong !== undefined)
      throw expectedError(
        weights.fileName,
        `finite numbers in ${location.name}`,
        wrong,
        'the file is damaged, or its training diverged',
      );
    const variable = network.weights[ours] as Variable;
    tidy(() => variable.assign(persistentTensor(variable.shape, (own) => own.set(values))));
  }
  const read = new Set(match.found.map(({ location }) => location.name));
  return {
    keyMap: locations.keyMap,
    prefix: locations.prefix,
    loaded: match.found.map(({ ours }) => ours),
    unchanged: [...match.skipped, ...match.missing.map(({ ours }) => ours)],
    ignored: Object.keys(weights.entries).filter((name) => !read.has(name)),
  };
}

function mismatchError(
  network: Network,
  { fileName }: Weights,
  { keyMap, head }: NetworkLocations,
  { missing, unexpected, mismatched }: MatchReport,
): RangeError {
  const missingNames = missing.map(({ name }) => name);
  const lists = [
    formatList('missing', missingNames),
    formatList('unexpected', unexpected),
    formatList('of another shape or type', mismatched),
  ];
  const isHeadAlone = [...missingNames, ...unexpected, ...mismatched].every(
    (name) => head !== undefined && name.startsWith(head),
  );
  return expectedError(
    'loadWeights',
    `the ${Object.keys(network.weights).length} weights of ${network.name ?? 'the network'} in ${fileName} (names: ${keyMap})`,
    lists.filter((list) => list !== '').join('; '),
    isHeadAlone
      ? "head: 'skip' keeps the network's own head, for other classes"
      : 'is it a file of this architecture? keyMap: (layer) => … maps other names',
  );
}

function formatList(title: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  return `${names.length} ${title}: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`;
}
