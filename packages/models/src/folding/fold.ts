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
  ConcatenationPart,
  ConvolutionPart,
  LayerPart,
  NormalizePart,
  Part,
  SumPart,
} from '../layers/parts.ts';
import { convolutionPiece, type JoinNorm } from './convolutionPiece.ts';
import { type Piece, plainPiece } from './piece.ts';

/**
 * Puts parts together as far as they go together: convolution, batch norm and ReLU; sum and ReLU.
 * The rest runs as it is.
 */
export function fold(parts: readonly Part[], join: JoinNorm): Piece[] {
  const pieces: Piece[] = [];
  const left = [...parts];
  /** Takes the next part where it does this. */
  function take<Does extends Part['does']>(does: Does): Extract<Part, { does: Does }> | undefined {
    return left[0]?.does === does ? (left.shift() as Extract<Part, { does: Does }>) : undefined;
  }
  const activation = (): Activation => take('rectify')?.by ?? 'linear';
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    switch (part.does) {
      case 'convolve':
        pieces.push(foldedConvolution(part, take('normalize'), activation(), join));
        break;
      case 'normalize':
        pieces.push(normalizePiece(part, activation()));
        break;
      case 'sum':
        pieces.push(sumPiece(part, activation(), join));
        break;
      case 'concatenate':
        pieces.push(concatenationPiece(part, join));
        break;
      case 'rectify':
        pieces.push(activationPiece(part.by));
        break;
      case 'apply':
        pieces.push(layerPiece(part));
        break;
      default:
        part satisfies never;
    }
  }
  return pieces;
}

/** Pieces one after another, as one. */
export function inOrder(pieces: readonly Piece[]): Piece {
  return {
    run: (x) => pieces.reduce((activations, piece) => next(piece, activations, x), x),
    refresh() {
      for (const piece of pieces) piece.refresh();
    },
    dispose() {
      for (const piece of pieces) piece.dispose();
    },
  };
}

/** One step further; activations between the steps are freed as soon as they are used. */
function next(piece: Piece, activations: Tensor, first: Tensor): Tensor {
  const y = tidy(() => piece.run(activations));
  if (activations !== first && activations !== y) activations.dispose();
  return y;
}

function foldedConvolution(
  convolution: ConvolutionPart,
  norm: NormalizePart | undefined,
  activation: Activation,
  join: JoinNorm,
): Piece {
  return norm === undefined
    ? convolutionPiece(convolution.convolve, convolution, activation)
    : join(convolution, norm, activation);
}

function normalizePiece(
  { scale, offset, mean, variance, epsilon }: NormalizePart,
  activation: Activation,
): Piece {
  return plainPiece((x) =>
    activated(batchNorm(x as Tensor4D, mean, variance, offset, scale, epsilon), activation),
  );
}

function sumPiece({ body, shortcut }: SumPart, activation: Activation, join: JoinNorm): Piece {
  const main = inOrder(fold(body, join));
  const side = inOrder(fold(shortcut, join));
  return {
    ...inOrder([main, side]),
    run: (x) => tidy(() => activated(add(main.run(x), side.run(x)), activation)),
  };
}

function concatenationPiece({ branches }: ConcatenationPart, join: JoinNorm): Piece {
  const pieces = branches.map((parts) => inOrder(fold(parts, join)));
  return {
    ...inOrder(pieces),
    run: (x) =>
      tidy(() =>
        concat(
          pieces.map((piece) => piece.run(x)),
          -1,
        ),
      ),
  };
}

function layerPiece({ layer }: LayerPart): Piece {
  return plainPiece((x) => layer.apply(x, { training: false }));
}

function activationPiece(activation: Activation): Piece {
  return plainPiece((x) => activated(x, activation));
}

function activated(x: Tensor, activation: Activation): Tensor {
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
