import {
  ensure,
  expectedError,
  type Network,
  persistentTensor,
  type StateDictKeyMap,
} from '@kd/core';
import { tidy, type Variable } from '@tensorflow/tfjs-core';
import { bestFileNames, type FileNames } from './fileNames.ts';
import { firstNotFinite } from './firstNotFinite.ts';
import { type Fit, fitOf } from './fit.ts';
import type { Weights } from './weights.ts';

export interface LoadOptions {
  /**
   * `kept`: the head (`network.head`) is loaded as all else; the default. `new`: it keeps the first
   * values that it has, for classes of your own, and the
   * file's may have any shape or none.
   */
  readonly head?: 'kept' | 'new';
  /** What the file calls our layers, where it is none of `network.names`. */
  readonly names?: StateDictKeyMap;
  /** Weights that the file lacks: `refused`, the default, or `left` as they are. */
  readonly missing?: 'refused' | 'left';
  /**
   * Tensors that the network has no place for: `refused`, the default, or `ignored`. Batch norm's
   * `num_batches_tracked` always are.
   */
  readonly unexpected?: 'refused' | 'ignored';
}

/** What came of loading: every weight of the network and every tensor of the file is in it. */
export interface LoadReport {
  /**
   * By whose names they were found: `own`, one of `network.names`, `own names in PyTorch`, `in
   * order` (an `nn.Sequential`), `given`.
   */
  readonly scheme: string;
  /** What stands before every name in the file: `module.`; usually nothing. */
  readonly prefix: string;
  /** Weights of the network that were loaded. */
  readonly loaded: readonly string[];
  /** Weights of the network that were left as they are: a new head, and what was missing. */
  readonly left: readonly string[];
  /** Tensors of the file that were not read. */
  readonly ignored: readonly string[];
}

/**
 * Puts a file's weights into a network: its own names and PyTorch's, with kernels turned from OIHW
 * to HWIO, whatever float type they have. Names are those
 * of the scheme that fits best, and a prefix that all of them have is found. Variables keep their
 * identity, and one tensor at a time is in memory.
 * Names, shapes and types are checked before the first is assigned; where a number turns out not to
 * be finite, those before it have been.
 *
 * ```ts
 * loadWeights(teacher, await readWeights('resnet50.safetensors'), { head: 'new' });
 * ```
 * @throws RangeError that lists what is missing, unexpected or of another shape (with both shapes),
 * the first ten names of each.
 */
export function loadWeights(
  network: Network,
  weights: Weights,
  options: LoadOptions = {},
): LoadReport {
  const {
    head = 'kept',
    names: given,
    missing = 'refused',
    unexpected: surplus = 'refused',
  } = options;
  ensure(head === 'kept' || head === 'new', 'loadWeights', 'head kept or new', head);
  ensure(
    missing === 'refused' || missing === 'left',
    'loadWeights',
    'missing refused or left',
    missing,
  );
  ensure(
    surplus === 'refused' || surplus === 'ignored',
    'loadWeights',
    'unexpected refused or ignored',
    surplus,
  );
  const isHeadNew = head === 'new';
  ensure(
    !isHeadNew || network.head !== undefined,
    'loadWeights',
    "a network that names its head, for head: 'new'",
    network.name ?? 'one without',
  );
  const names = bestFileNames(network, weights, given);
  const fit = fitOf(network, weights, names, isHeadNew);
  const isRefused =
    fit.unfit.length > 0 ||
    (missing === 'refused' && fit.missing.length > 0) ||
    (surplus === 'refused' && fit.unexpected.length > 0);
  if (isRefused || fit.found.length === 0) throw refusal(network, weights, names, fit);

  for (const { ours, place, entry } of fit.found) {
    const values = place.toOurs(entry.read());
    const wrong = firstNotFinite(values);
    if (wrong !== undefined)
      throw expectedError(
        weights.place,
        `finite numbers in ${place.name}`,
        wrong,
        'the file is damaged, or its training diverged',
      );
    const variable = network.weights[ours] as Variable;
    tidy(() => variable.assign(persistentTensor(variable.shape, (own) => own.set(values))));
  }
  const read = new Set(fit.found.map(({ place }) => place.name));
  return {
    scheme: names.scheme,
    prefix: names.prefix,
    loaded: fit.found.map(({ ours }) => ours),
    left: [...fit.left, ...fit.missing.map(({ ours }) => ours)],
    ignored: Object.keys(weights.entries).filter((name) => !read.has(name)),
  };
}

function refusal(
  network: Network,
  { place }: Weights,
  { scheme, head }: FileNames,
  fit: Fit,
): RangeError {
  const lists = [
    listed(
      'missing',
      fit.missing.map(({ name }) => name),
    ),
    listed('unexpected', fit.unexpected),
    listed('of another shape or type', fit.unfit),
  ];
  const isHeadAlone = [
    ...fit.missing.map(({ name }) => name),
    ...fit.unexpected,
    ...fit.unfit,
  ].every((name) => head !== undefined && name.startsWith(head));
  const remedy = isHeadAlone
    ? "head: 'new' leaves the head as it is, for other classes"
    : 'is it a file of this architecture? names: (layer) => … tells other names';
  const wanted = `the ${Object.keys(network.weights).length} weights of ${network.name ?? 'the network'} in ${place} (names: ${scheme})`;
  return expectedError(
    'loadWeights',
    wanted,
    lists.filter((line) => line !== '').join('; '),
    remedy,
  );
}

function listed(what: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  return `${names.length} ${what}: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`;
}
