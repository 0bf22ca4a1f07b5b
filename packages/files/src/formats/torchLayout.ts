type Values = Float32Array<ArrayBuffer>;

/** How PyTorch stores one of our weights. */
export interface TorchLayout {
  /** The layer's name in our network: `stage1.block0.conv1`. */
  readonly layer: string;
  /** Name of the parameter or buffer within PyTorch's layer: `weight`, `running_mean`. */
  readonly part: string;
  /** Shape in PyTorch's order of axes. */
  readonly shape: readonly number[];
  /** Transposes values from PyTorch's order of axes to ours. */
  fromTorch(values: Values): Values;
  /** Transposes values from our order of axes to PyTorch's. */
  toTorch(values: Values): Values;
}

const parts: Readonly<Record<string, string>> = {
  kernel: 'weight',
  depthwiseKernel: 'weight',
  scale: 'weight',
  offset: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
};

/**
 * PyTorch's name, shape and order of axes for a weight. Kernels of convolutions [height, width, in,
 * out] are OIHW in PyTorch, those of dense layers [in, out] are [out, in], and depthwise ones
 * [height, width, channels, multiplier] are [channels · multiplier, 1, height, width]; all others
 * are the same.
 * @param name Our name: layer, dot, part.
 * @param shape Our shape.
 */
export function torchLayout(name: string, shape: readonly number[]): TorchLayout {
  const dot = name.lastIndexOf('.');
  const own = name.slice(dot + 1);
  const common = { layer: name.slice(0, Math.max(dot, 0)), part: parts[own] ?? own };
  const [first = 1, second = 1, third = 1, fourth = 1] = shape;
  if (own === 'kernel' && shape.length === 4)
    return { ...common, shape: [fourth, third, first, second], ...transposes(shape, [3, 2, 0, 1]) };
  if (own === 'kernel' && shape.length === 2)
    return { ...common, shape: [second, first], ...transposes(shape, [1, 0]) };
  if (own === 'depthwiseKernel')
    return {
      ...common,
      shape: [third * fourth, 1, first, second],
      ...transposes(shape, [2, 3, 0, 1]),
    };
  return { ...common, shape, ...transposes(shape, [...shape.keys()]) };
}

/** @param axes Axis a of PyTorch's is axis `axes[a]` of ours. */
function transposes(
  ours: readonly number[],
  axes: readonly number[],
): Pick<TorchLayout, 'fromTorch' | 'toTorch'> {
  const theirs = axes.map((axis) => ours[axis] as number);
  const inverse = axes.map((_, axis) => axes.indexOf(axis));
  return {
    fromTorch: (values) => transpose(values, theirs, inverse),
    toTorch: (values) => transpose(values, ours, axes),
  };
}

/**
 * A tensor with its axes in another order: axis a of the result is axis `axes[a]` of the values.
 * @param values Row-major.
 * @param shape Shape of the values, at most four sides.
 */
function transpose(values: Values, shape: readonly number[], axes: readonly number[]): Values {
  if (axes.every((axis, at) => axis === at)) return values;
  const strides = shape.map((_, axis) =>
    shape.slice(axis + 1).reduce((product, side) => product * side, 1),
  );
  const front = Array.from({ length: 4 - axes.length }, () => ({ side: 1, stride: 0 }));
  const loops = [
    ...front,
    ...axes.map((axis) => ({ side: shape[axis] as number, stride: strides[axis] as number })),
  ];
  const [a, b, c, d] = loops as [Loop, Loop, Loop, Loop];
  const result = new Float32Array(values.length);
  let at = 0;
  for (let i = 0; i < a.side; i++) {
    for (let j = 0; j < b.side; j++) {
      for (let k = 0; k < c.side; k++) {
        const from = i * a.stride + j * b.stride + k * c.stride;
        for (let l = 0; l < d.side; l++) result[at++] = values[from + l * d.stride] as number;
      }
    }
  }
  return result;
}

interface Loop {
  readonly side: number;
  readonly stride: number;
}
