import { ensure, expectedError, type Network, type Outputs } from '@kd/core';
import {
  add,
  clone,
  matMul,
  type Rank,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tidy,
  type Variable,
} from '@tensorflow/tfjs-core';
import { relu, scale as scaleLayer } from '../layers/activations.ts';
import { batchNorm } from '../layers/batchNorm.ts';
import { convolution } from '../layers/conv.ts';
import type { WithGraphSource } from '../layers/graphSource.ts';
import { ownedVariable } from '../layers/initializers.ts';
import {
  applyTapped,
  graphTensor,
  type Layer,
  type LayerFactory,
  zeroBias,
} from '../layers/layer.ts';
import { averagePool, globalAveragePool, globalMaxPool } from '../layers/pooling.ts';
import { sequential } from '../layers/sequential.ts';

export interface SimKdStudentOptions {
  /** The student's tap, with maps, that is projected to the teacher's channels. */
  readonly tap: string;
  /**
   * The teacher's classifier, which is copied and does not train: kernel [channels, classes] and
   * bias [classes], `classifierHead(teacher)` of @kd/losses.
   */
  readonly classifier: { readonly kernel: Tensor; readonly bias?: Tensor; readonly scale?: number };
  /** The teacher's global pooling before its classifier; `mean`. `resnet9` has `max`. */
  readonly pooling?: 'mean' | 'max';
  /** The teacher's channels divided by those inside the projector; 2. */
  readonly factor?: number;
  /**
   * Side of the student's maps divided by that of the teacher's: the student's are averaged over
   * windows of this size before they are projected; 1.
   */
  readonly pool?: number;
  /** Seed of the projector's initial weights. */
  readonly seed: number;
}

/**
 * A student that ends in its teacher's classifier: a projector maps its features to the teacher's
 * channels, and their means over the map (or maxima) are classified. The projector is part of the
 * network: it trains, is saved and runs at inference.
 *
 * Weights: the student's, `projector.conv1` … (1×1, 3×3 and 1×1 convolutions, each with batch norm
 * and ReLU), `classifier`. The student's own classifier stays unused. Taps: the student's and
 * `projected`.
 * @throws RangeError on a tap that does not exist or has no maps, and on a classifier whose kernel
 * is no matrix.
 * Source: Chen et al., "Knowledge distillation with the reused teacher classifier" (2022), section
 * 3. Its loss: `simKd` of @kd/losses.
 */
export function simKdStudent(student: Network, options: SimKdStudentOptions): Network {
  const { tap, classifier, pooling = 'mean', factor = 2, pool = 1, seed } = options;
  const { scale = 1 } = classifier;
  const known = Object.keys(student.featureInfo ?? {}).join(', ') || 'none';
  const { channels: from, stride } = student.featureInfo?.[tap] ?? { channels: 0, stride: 0 };
  ensure(stride > 0, 'simKdStudent', `a tap with maps among ${known}`, tap);
  ensure(
    classifier.kernel.rank === 2,
    'simKdStudent',
    'a kernel [channels, classes]',
    classifier.kernel.shape,
  );
  ensure(Number.isInteger(pool) && pool >= 1, 'simKdStudent', 'pool as a whole number ≥ 1', pool);
  const [to] = classifier.kernel.shape as [number, number];
  const inside = Math.floor(to / factor);
  ensure(inside >= 1, 'simKdStudent', `a factor of at most the teacher's ${to} channels`, factor);
  const poolMaps = globalPool(pooling);
  const projector = sequential({
    conv1: convolution({ from, to: inside, size: 1 }),
    bn1: batchNorm({ channels: inside }),
    relu1: relu(),
    conv2: convolution({ from: inside, to: inside }),
    bn2: batchNorm({ channels: inside }),
    relu2: relu(),
    conv3: convolution({ from: inside, to, size: 1 }),
    bn3: batchNorm({ channels: to }),
    relu3: relu(),
  })('projector', seed);
  const kernel = ownedVariable(clone(classifier.kernel as Tensor2D), false);
  const bias =
    classifier.bias === undefined
      ? undefined
      : ownedVariable(clone(classifier.bias as Tensor1D), false);
  const own = {
    ...projector.weights,
    'classifier.kernel': kernel,
    ...(bias && { 'classifier.bias': bias }),
  };
  const layers = [
    ...(pool === 1 ? [] : [averagePool({ size: pool })('projector.pool', seed)]),
    { ...projector, name: 'projected' },
    poolMaps('projector.pooled', seed),
    fixedClassifier(kernel, bias),
    ...(scale === 1 ? [] : [scaleLayer(scale)('scaled', seed)]),
  ];
  const network: Network & WithGraphSource = {
    name: `${student.name ?? 'student'} with its teacher's classifier`,
    ...(student.preprocessing !== undefined && { preprocessing: student.preprocessing }),
    graphSource: { kind: 'continuation', network: student, tap, layers, taps: [...projected] },
    weights: { ...student.weights, ...own },
    featureInfo: { ...student.featureInfo, projected: { channels: to, stride: stride * pool } },
    forward(images, mode): Outputs {
      return tidy(() => {
        const { features } = student.forward(images, mode);
        const maps = features[tap];
        if (maps === undefined)
          throw expectedError(
            'simKdStudent',
            `a feature '${tap}'`,
            Object.keys(features).join(', '),
          );
        const { activations, features: own } = applyTapped(layers, maps, projected, mode);
        return { logits: activations as Tensor2D, features: { ...features, ...own } };
      });
    },
    dispose() {
      student.dispose();
      for (const weight of Object.values(own)) weight.dispose();
    },
  };
  return network;
}

const projected: ReadonlySet<string> = new Set(['projected']);

/** A dense layer of weights that do not train; the network that has it owns them. */
function fixedClassifier(kernel: Variable<Rank.R2>, bias: Variable<Rank.R1> | undefined): Layer {
  return {
    name: 'classifier',
    weights: {},
    stride: 1,
    computes: () => [
      {
        kind: 'dense',
        kernel: graphTensor(kernel),
        bias: bias === undefined ? zeroBias(kernel.shape[1]) : graphTensor(bias),
        activation: 'linear',
      },
    ],
    apply(x) {
      const product = matMul(x as Tensor2D, kernel);
      return bias === undefined ? product : add(product, bias);
    },
  };
}

function globalPool(pooling: 'mean' | 'max'): LayerFactory {
  switch (pooling) {
    case 'mean':
      return globalAveragePool();
    case 'max':
      return globalMaxPool();
    default:
      throw expectedError('simKdStudent', "pooling 'mean' or 'max'", pooling satisfies never);
  }
}
