import { unexpected } from '@kd/core';
import { activationBoundaries, factorTransfer, hints } from '@kd/losses';
import type { JsonObject, LossEntry } from '../file.ts';
import { numberOf } from '../values.ts';
import { connectedKind, hasModule } from './connectedTerm.ts';
import type { LossKind } from './kind.ts';

/** `hint / FitNet MSE`, `hint through a 1x1 convolution`, `hint MSE`. */
const hintsKind = connectedKind({
  matches: ({ loss }) => /^hint\b/i.test(loss),
  options: [],
  term: (entry, pairs) => hints(pairs, { regressor: regressorOf(entry, { bias: hasBias(entry) }) }),
});

/** `FT`, `FT factor transfer (p1=2,p2=1)`, `FT on the raw factors: …`. */
const factorTransferKind = connectedKind({
  matches: ({ loss }) => /^FT\b/.test(loss),
  options: ['p1', 'p2', 'variant'],
  term: ({ loss, options }, pairs) => {
    const isRaw = /no channel pooling/.test(String(options.variant)) || /\braw factors\b/.test(loss);
    return factorTransfer(pairs, { p1: isRaw ? 'raw' : numberOf(options, 'p1', 2), p2: numberOf(options, 'p2', 1) });
  },
});

/** `AB`, `AB activation boundaries, one stage`, `AB, two stages (weights 1/2, 1)`. */
const activationBoundariesKind = connectedKind({
  matches: ({ loss }) => /^AB\b/.test(loss),
  options: ['margin', 'stages', 'scale'],
  term: (entry, pairs) => {
    expectScale(entry.options);
    return activationBoundaries(pairs, { margin: numberOf(entry.options, 'margin', 1), regressor: regressorOf(entry, { batchNorm: true }) });
  },
});

/** Features that are compared directly, or through one layer. */
export const featureKinds: readonly LossKind[] = [hintsKind, factorTransferKind, activationBoundariesKind];

/** What an entry without a module compares is compared as it is. */
function regressorOf<Layer>(entry: LossEntry, layer: Layer): Layer | 'none' {
  return hasModule(entry) ? layer : 'none';
}

function hasBias(entry: LossEntry): boolean {
  const { module } = entry as LossEntry & { readonly module?: JsonObject };
  return Object.keys(module ?? {}).some((name) => /bias/.test(name));
}

function expectScale({ scale = 'sum / B / 1000 * 3' }: JsonObject): void {
  if (scale !== 'sum / B / 1000 * 3') throw unexpected('golden', 'scale sum / B / 1000 * 3', scale);
}
