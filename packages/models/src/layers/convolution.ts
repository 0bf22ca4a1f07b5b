import { ensure } from '@kd/core';
import { add, conv2d, type Rank, type Tensor4D, tidy } from '@tensorflow/tfjs-core';
import { drawnVariable, heNormal, type Initial } from './initial.ts';
import { expectMaps, type LayerPlan } from './layer.ts';

export interface ConvolutionOptions {
  /** Channels in. */
  readonly from: number;
  /** Channels out. */
  readonly to: number;
  /** Side of the square kernel; 3. */
  readonly size?: number;
  /** 1. */
  readonly stride?: number;
  /** Zeros on every side, as PyTorch counts them; (size − 1) / 2, which keeps the size at stride 1. */
  readonly padding?: number;
  /** false, since a batch norm usually follows. */
  readonly bias?: boolean;
  /** `heNormal`. */
  readonly initial?: Initial;
}

/**
 * Square 2-D convolution: maps [batch, height, width, from] → [batch, ⌊(height + 2 padding − size) / stride⌋ + 1, …, to].
 *
 * Weights: `kernel` [size, size, from, to] and, where asked for, `bias` [to].
 */
export function convolution(options: ConvolutionOptions): LayerPlan {
  const { from, to, size = 3, stride = 1, padding = Math.floor((size - 1) / 2), bias: withBias = false, initial = heNormal } = options;
  const sizes = [from, to, size, stride];
  ensure(sizes.every(isPositiveInteger), 'convolution', 'from, to, size and stride as whole numbers ≥ 1', sizes);
  ensure(Number.isInteger(padding) && padding >= 0, 'convolution', 'padding as a whole number ≥ 0', padding);
  const tfPadding = paddingOf(size, stride, padding);
  return (name, seed) => {
    const fans = { fanIn: size * size * from, fanOut: size * size * to };
    const kernel = drawnVariable<Rank.R4>(`${name}.kernel`, [size, size, from, to], fans, initial, seed);
    const bias = withBias ? drawnVariable<Rank.R1>(`${name}.bias`, [to], fans, initial, seed) : undefined;
    return {
      name,
      channels: to,
      stride,
      weights: { [`${name}.kernel`]: kernel, ...(bias && { [`${name}.bias`]: bias }) },
      parts: [{ does: 'convolve', kernel, ...(bias && { bias }), stride, padding: tfPadding }],
      apply(x, { observe }) {
        const maps = expectMaps(name, x, from);
        const y = tidy(() => {
          const convolved = conv2d(maps, kernel, stride, tfPadding);
          return bias === undefined ? convolved : add<Tensor4D>(convolved, bias);
        });
        const outputShape = y.shape.slice(1);
        const multiplyAdds = outputShape.reduce((product, side) => product * side, fans.fanIn);
        observe?.({
          name,
          kind: `convolution ${size}×${size}${stride > 1 ? ` /${stride}` : ''}`,
          outputShape,
          parameters: kernel.size + (bias?.size ?? 0),
          multiplyAdds,
        });
        return y;
      },
    };
  };
}

/**
 * The padding as TF.js takes it: by number, as in PyTorch (TensorFlow's `same` at stride 2 pads the end alone), and by name where the two agree, since the
 * kernels of every engine know the names best.
 */
function paddingOf(size: number, stride: number, padding: number): 'same' | 'valid' | number {
  if (padding === 0) return 'valid';
  return stride === 1 && 2 * padding === size - 1 ? 'same' : padding;
}

function isPositiveInteger(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}
