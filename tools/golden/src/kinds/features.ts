import { expectedError } from '@kd/core';
import { activationBoundaries, factorTransfer, hints, ofd, ofdMargin, weighted } from '@kd/losses';
import type { JsonObject, LossEntry } from '../file.ts';
import { extrasOf } from '../modules.ts';
import { numberOf, numbersOf, objectOf } from '../values.ts';
import { connectedKind, hasModule } from './connectedTerm.ts';
import type { LossKind } from './kind.ts';
import { maskedGenerationKind } from './maskedGeneration.ts';
import { reviewKinds } from './review.ts';
import { semanticCalibrationKinds } from './semanticCalibration.ts';
import { teacherClassifierKinds } from './teacherClassifier.ts';
import { variationalInformationKind } from './variationalInformation.ts';

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
    const isRaw =
      /no channel pooling/.test(String(options.variant)) || /\braw factors\b/.test(loss);
    return factorTransfer(pairs, {
      p1: isRaw ? 'raw' : numberOf(options, 'p1', 2),
      p2: numberOf(options, 'p2', 1),
    });
  },
});

/** `AB`, `AB activation boundaries, one stage`, `AB, two stages (weights 1/2, 1)`. */
const activationBoundariesKind = connectedKind({
  matches: ({ loss }) => /^AB\b/.test(loss),
  options: ['margin', 'stages', 'scale'],
  term: (entry, pairs) => {
    expectScale(entry.options);
    return activationBoundaries(pairs, {
      margin: numberOf(entry.options, 'margin', 1),
      regressor: regressorOf(entry, { batchNorm: true }),
    });
  },
});

/**
 * `OFD partial L2 with margin (no connector)`, `OFD with connector (…)`; `OFD as MMRazor: …,
 * sum/B/1000`, whose teacher has the margins applied.
 */
const overhaulKind = connectedKind({
  matches: ({ loss }) => /^OFD\b/.test(loss),
  options: [],
  term: (entry, pairs) => {
    const { loss, inputs } = entry;
    const isApplied = /max\(/.test(String(inputs.teacher));
    const withMargins = pairs.map((pair) => ({
      ...pair,
      margin: isApplied ? lowest(pair.teacher.channels) : marginOf(entry),
    }));
    const term = ofd(withMargins, { regressor: regressorOf(entry, { batchNorm: true }) });
    return /sum\/B\/1000/.test(loss) ? weighted(1 / 1000, term) : term;
  },
});

/** Features that are compared directly, or through one layer. */
export const featureKinds: readonly LossKind[] = [
  hintsKind,
  factorTransferKind,
  activationBoundariesKind,
  maskedGenerationKind,
  overhaulKind,
  ...reviewKinds,
  ...semanticCalibrationKinds,
  ...teacherClassifierKinds,
  variationalInformationKind,
];

/** What an entry without a module compares is compared as it is. */
function regressorOf<Layer>(entry: LossEntry, layer: Layer): Layer | 'none' {
  return hasModule(entry) ? layer : 'none';
}

/** From the teacher's batch norm where the entry brings it. */
function marginOf(entry: LossEntry): readonly number[] {
  const extras = extrasOf(entry);
  if (extras.batchNorm === undefined) return numbersOf(extras, 'margin');
  const norm = objectOf(extras, 'batchNorm');
  return ofdMargin(numbersOf(norm, 'weight'), numbersOf(norm, 'bias'));
}

/** Margins that change nothing. */
function lowest(channels: number): readonly number[] {
  return new Array(channels).fill(-1e6);
}

function hasBias(entry: LossEntry): boolean {
  const { module } = entry as LossEntry & { readonly module?: JsonObject };
  return Object.keys(module ?? {}).some((name) => /bias/.test(name));
}

function expectScale({ scale = 'sum / B / 1000 * 3' }: JsonObject): void {
  if (scale !== 'sum / B / 1000 * 3')
    throw expectedError('golden', 'scale sum / B / 1000 * 3', scale);
}
