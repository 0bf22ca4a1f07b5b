import {
  add,
  batchNorm,
  concat,
  relu,
  relu6,
  type Tensor,
  type Tensor4D,
  tidy,
} from '@tensorflow/tfjs-core';
import type {
  Activation,
  BatchNormOp,
  ConcatOp,
  ConvolutionOp,
  InferenceOp,
  LayerOp,
  SumOp,
} from '../layers/layer.ts';
import {
  convolutionStep,
  type FoldBatchNorm,
  type InferenceStep,
  statelessStep,
} from './convolutionStep.ts';

/**
 * Fuses consecutive operations: convolution, batch norm and ReLU; sum and ReLU. All others become
 * steps of their own.
 */
export function fuseOps(ops: readonly InferenceOp[], fold: FoldBatchNorm): InferenceStep[] {
  const steps: InferenceStep[] = [];
  const rest = [...ops];
  /** Takes the next operation if it is of this kind. */
  function take<Kind extends InferenceOp['kind']>(
    kind: Kind,
  ): Extract<InferenceOp, { kind: Kind }> | undefined {
    return rest[0]?.kind === kind
      ? (rest.shift() as Extract<InferenceOp, { kind: Kind }>)
      : undefined;
  }
  const activation = (): Activation => take('activation')?.activation ?? 'linear';
  for (let op = rest.shift(); op !== undefined; op = rest.shift()) {
    switch (op.kind) {
      case 'convolution':
        steps.push(foldedConvolution(op, take('batchNorm'), activation(), fold));
        break;
      case 'batchNorm':
        steps.push(batchNormStep(op, activation()));
        break;
      case 'sum':
        steps.push(sumStep(op, activation(), fold));
        break;
      case 'concat':
        steps.push(concatStep(op, fold));
        break;
      case 'activation':
        steps.push(activationStep(op.activation));
        break;
      case 'layer':
        steps.push(layerStep(op));
        break;
      default:
        op satisfies never;
    }
  }
  return steps;
}

/** Consecutive steps as one. */
export function sequence(steps: readonly InferenceStep[]): InferenceStep {
  return {
    run: (x) => steps.reduce((activations, step) => runNext(step, activations, x), x),
    refresh() {
      for (const step of steps) step.refresh();
    },
    dispose() {
      for (const step of steps) step.dispose();
    },
  };
}

/** Runs one step; the activations before it are freed at once, unless they are the input x. */
function runNext(step: InferenceStep, activations: Tensor, x: Tensor): Tensor {
  const y = tidy(() => step.run(activations));
  if (activations !== x && activations !== y) activations.dispose();
  return y;
}

function foldedConvolution(
  convolution: ConvolutionOp,
  norm: BatchNormOp | undefined,
  activation: Activation,
  fold: FoldBatchNorm,
): InferenceStep {
  return norm === undefined
    ? convolutionStep(convolution.convolve, convolution, activation)
    : fold(convolution, norm, activation);
}

function batchNormStep(
  { scale, offset, mean, variance, epsilon }: BatchNormOp,
  activation: Activation,
): InferenceStep {
  return statelessStep((x) =>
    activate(batchNorm(x as Tensor4D, mean, variance, offset, scale, epsilon), activation),
  );
}

function sumStep(
  { body, shortcut }: SumOp,
  activation: Activation,
  fold: FoldBatchNorm,
): InferenceStep {
  const main = sequence(fuseOps(body, fold));
  const side = sequence(fuseOps(shortcut, fold));
  return {
    ...sequence([main, side]),
    run: (x) => tidy(() => activate(add(main.run(x), side.run(x)), activation)),
  };
}

function concatStep({ branches }: ConcatOp, fold: FoldBatchNorm): InferenceStep {
  const steps = branches.map((ops) => sequence(fuseOps(ops, fold)));
  return {
    ...sequence(steps),
    run: (x) =>
      tidy(() =>
        concat(
          steps.map((step) => step.run(x)),
          -1,
        ),
      ),
  };
}

function layerStep({ layer }: LayerOp): InferenceStep {
  return statelessStep((x) => layer.apply(x, { training: false }));
}

function activationStep(activation: Activation): InferenceStep {
  return statelessStep((x) => activate(x, activation));
}

function activate(x: Tensor, activation: Activation): Tensor {
  switch (activation) {
    case 'linear':
      return x;
    case 'relu':
      return relu(x);
    case 'relu6':
      return relu6(x);
    default:
      activation satisfies never;
      return x;
  }
}
