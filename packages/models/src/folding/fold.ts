import { add, batchNorm, relu, type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import type { ConvolutionPart, LayerPart, NormalisePart, Part, SumPart } from '../layers/parts.ts';
import { type Activation, convolutionPiece, normalisedConvolutionPiece } from './convolutionPiece.ts';
import { type Piece, plainPiece } from './piece.ts';

/** Puts parts together as far as they go together: convolution, batch norm and ReLU; sum and ReLU. The rest runs as it is. */
export function fold(parts: readonly Part[]): Piece[] {
  const pieces: Piece[] = [];
  const left = [...parts];
  /** Takes the next part where it does this. */
  function take<Does extends Part['does']>(does: Does): Extract<Part, { does: Does }> | undefined {
    return left[0]?.does === does ? (left.shift() as Extract<Part, { does: Does }>) : undefined;
  }
  const activation = (): Activation => (take('rectify') === undefined ? 'linear' : 'relu');
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    switch (part.does) {
      case 'convolve':
        pieces.push(foldedConvolution(part, take('normalise'), activation()));
        break;
      case 'normalise':
        pieces.push(normalisePiece(part, activation()));
        break;
      case 'sum':
        pieces.push(sumPiece(part, activation()));
        break;
      case 'rectify':
        pieces.push(plainPiece((x) => relu(x)));
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
    run: (x) => tidy(() => pieces.reduce((activations, piece) => piece.run(activations), x)),
    refresh() {
      for (const piece of pieces) piece.refresh();
    },
    dispose() {
      for (const piece of pieces) piece.dispose();
    },
  };
}

function foldedConvolution(convolution: ConvolutionPart, norm: NormalisePart | undefined, activation: Activation): Piece {
  return norm === undefined ? convolutionPiece(convolution, activation) : normalisedConvolutionPiece(convolution, norm, activation);
}

function normalisePiece({ scale, offset, mean, variance, epsilon }: NormalisePart, activation: Activation): Piece {
  return plainPiece((x) => activated(batchNorm(x as Tensor4D, mean, variance, offset, scale, epsilon), activation));
}

function sumPiece({ body, shortcut }: SumPart, activation: Activation): Piece {
  const main = inOrder(fold(body));
  const side = inOrder(fold(shortcut));
  return {
    ...inOrder([main, side]),
    run: (x) => tidy(() => activated(add(main.run(x), side.run(x)), activation)),
  };
}

function layerPiece({ layer }: LayerPart): Piece {
  return plainPiece((x) => layer.apply(x, { training: false }));
}

function activated(x: Tensor, activation: Activation): Tensor {
  return activation === 'relu' ? relu(x) : x;
}
