import type { Network } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * The golden checkpoints' weights, which a formula gives: hash u(n, k) in [0, 1), n the flat index
 * in PyTorch's layout, k the position in state_dict().
 */
export function hashed(n: number, k: number, seed: number): number {
  let h =
    (Math.imul(n, 2654435761) + Math.imul(k + 1, 2246822519) + Math.imul(seed, 3266489917)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}

/** A kernel [size, size, from, to] from values in PyTorch's order [to, from, size, size]. */
export function toHwio(
  oihw: (n: number) => number,
  [size, , from, to]: readonly [number, number, number, number],
): Float32Array {
  const kernel = new Float32Array(size * size * from * to);
  for (let o = 0, n = 0; o < to; o++) {
    for (let i = 0; i < from; i++)
      for (let at = 0; at < size * size; at++, n++) kernel[(at * from + i) * to + o] = oihw(n);
  }
  return kernel;
}

/**
 * Flat [batch, height, width, channels] from a formula over the flat index of [batch, channels,
 * height, width].
 */
export function toNhwc(
  nchw: (n: number) => number,
  [batch, height, width, channels]: readonly [number, number, number, number],
): Float32Array {
  const images = new Float32Array(batch * height * width * channels);
  for (let b = 0, n = 0; b < batch; b++) {
    for (let c = 0; c < channels; c++)
      for (let at = 0; at < height * width; at++, n++)
        images[(b * height * width + at) * channels + c] = nchw(n);
  }
  return images;
}

/** The golden input, [2, 32, 32, 3]. */
export function goldenImages(): Float32Array {
  return toNhwc(
    (n) => Math.sin(0.017 * n) + 0.4 * Math.cos(0.000023 * n * n + 0.3),
    [2, 32, 32, 3],
  );
}

/**
 * Gives a network the golden weights. They lie in the order of PyTorch's state_dict(), where a
 * counter stands behind every variance. @param lastNorm Of a residual branch, where there is one:
 * `bn2`.
 */
export function fillByFormula(network: Network, seed: number, lastNorm: string): void {
  const names = Object.keys(network.weights).flatMap((name) =>
    name.endsWith('.variance') ? [name, null] : [name],
  );
  names.forEach((name, k) => {
    if (name === null) return;
    const variable = network.weights[name] as tf.Variable;
    const u = (n: number) => hashed(n, k, seed);
    const centered = (n: number) => 2 * u(n) - 1;
    const { shape } = variable;
    const last = name.endsWith(`.${lastNorm}.scale`);
    const vectorRules: Record<string, (n: number) => number> = {
      scale: (n) => (last ? 0.25 + 0.25 * u(n) : 0.75 + 0.5 * u(n)),
      variance: (n) => 0.5 + u(n),
    };
    const vector =
      vectorRules[name.split('.').at(-1) as string] ?? ((n: number) => 0.2 * centered(n));
    const fanIn = shape.slice(0, -1).reduce((product, side) => product * side, 1);
    const kernel = (n: number) => centered(n) * Math.sqrt(6 / fanIn);
    const [from, to] = shape.slice(-2) as [number, number];
    const size = shape.length === 4 ? (shape[0] as number) : 1;
    const values =
      shape.length === 1
        ? Float32Array.from({ length: variable.size }, (_, n) => vector(n))
        : toHwio(kernel, [size, size, from, to]);
    tf.tidy(() => variable.assign(tf.tensor(values, shape)));
  });
}
