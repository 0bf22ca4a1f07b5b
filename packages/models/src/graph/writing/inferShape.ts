import { ensure, type GraphOperation, type Pads } from '@kd/core';

/**
 * The shape of an operation's value, without the batch, from those of its inputs.
 * @param shape The shape where the operation does not fix it: `crop`, `reshape`, `resize`.
 * @throws RangeError that names the layer if the inputs do not fit.
 */
export function inferShape(
  layer: string,
  operation: GraphOperation,
  inputs: readonly (readonly number[])[],
  shape: readonly number[] | undefined,
): readonly number[] {
  const [input = []] = inputs;
  switch (operation.kind) {
    case 'convolution': {
      const { kernel, bias, strides, dilations, groups, pads } = operation;
      const [height, width, channels] = expectMaps(layer, input);
      const [kernelHeight, kernelWidth, from, to] = kernel.shape as Kernel;
      ensure(from * groups === channels, layer, `maps of ${from * groups} channels`, channels);
      ensure(to % groups === 0, layer, `outputs that ${groups} groups share`, to);
      ensure(bias.values.length === to, layer, `a bias of ${to} values`, bias.values.length);
      const extents = [
        (kernelHeight - 1) * dilations[0] + 1,
        (kernelWidth - 1) * dilations[1] + 1,
      ] as const;
      return [...slide(layer, [height, width], extents, strides, pads), to];
    }
    case 'dense': {
      const [from, to] = operation.kernel.shape as readonly [number, number];
      ensure(
        input.at(-1) === from,
        layer,
        `vectors of ${from} channels`,
        input,
        'pool or flatten the maps before',
      );
      return [...input.slice(0, -1), to];
    }
    case 'channelAffine': {
      const { scale, offset } = operation;
      const channels = input.at(-1);
      const isFit = [scale, offset].every(({ values: { length } }) =>
        [1, channels].includes(length),
      );
      ensure(isFit, layer, `one value, or ${channels}`, [
        scale.values.length,
        offset.values.length,
      ]);
      return input;
    }
    case 'activation':
      return input;
    case 'arithmetic':
      return inputs.reduce((one, other) => broadcast(layer, one, other));
    case 'pool': {
      const [height, width, channels] = expectMaps(layer, input);
      const { size, strides, pads } = operation;
      return [...slide(layer, [height, width], size, strides, pads), channels];
    }
    case 'globalPool': {
      const [, , channels] = expectMaps(layer, input);
      return operation.keepsMaps ? [1, 1, channels] : [channels];
    }
    case 'concat': {
      const sides = input.slice(0, -1).join();
      ensure(
        inputs.every((other) => other.slice(0, -1).join() === sides),
        layer,
        'maps of one size',
        inputs.map(format).join(' and '),
      );
      return [...input.slice(0, -1), inputs.reduce((sum, other) => sum + (other.at(-1) ?? 0), 0)];
    }
    case 'sliceChannels': {
      const { first, count } = operation;
      const channels = input.at(-1) ?? 0;
      ensure(first + count <= channels, layer, `channels up to ${first + count}`, channels);
      return [...input.slice(0, -1), count];
    }
    case 'shuffleChannels': {
      const channels = input.at(-1) ?? 0;
      const { groups } = operation;
      ensure(channels % groups === 0, layer, `channels that ${groups} groups share`, channels);
      return input;
    }
    case 'pad': {
      const [height, width, channels] = expectMaps(layer, input);
      const { pads, channels: around } = operation;
      return [
        height + pads.top + pads.bottom,
        width + pads.left + pads.right,
        channels + around[0] + around[1],
      ];
    }
    case 'subsample': {
      const [height, width, channels] = expectMaps(layer, input);
      const { stride } = operation;
      return [Math.ceil(height / stride), Math.ceil(width / stride), channels];
    }
    case 'crop':
    case 'resize': {
      const maps = expectMaps(layer, input);
      const [height, width, channels] = expectMaps(layer, shape ?? []);
      ensure(channels === maps[2], layer, `maps of ${maps[2]} channels`, channels);
      const { top, left } = operation.kind === 'crop' ? operation : { top: 0, left: 0 };
      const fits = top >= 0 && left >= 0 && top + height <= maps[0] && left + width <= maps[1];
      ensure(
        operation.kind === 'resize' || fits,
        layer,
        `a part of ${format(input)}`,
        `${height} × ${width} from ${top}, ${left}`,
      );
      return [height, width, channels];
    }
    case 'reshape': {
      const target = shape ?? [];
      ensure(
        count(target) === count(input),
        layer,
        `a shape of ${count(input)} values`,
        format(target),
      );
      return target;
    }
    default:
      operation satisfies never;
      return input;
  }
}

type Kernel = readonly [number, number, number, number];

/** Positions of windows along both sides: ⌊(side + pads − extent) / stride⌋ + 1. */
function slide(
  layer: string,
  [height, width]: readonly [number, number],
  extents: readonly [number, number],
  strides: readonly [number, number],
  pads: Pads,
): [number, number] {
  const free = [
    height + pads.top + pads.bottom - extents[0],
    width + pads.left + pads.right - extents[1],
  ] as const;
  ensure(
    Math.min(...free) >= 0,
    layer,
    `maps of at least ${extents.join(' × ')} with their padding`,
    `${height} × ${width}`,
    'take larger images',
  );
  return [Math.floor(free[0] / strides[0]) + 1, Math.floor(free[1] / strides[1]) + 1];
}

function expectMaps(layer: string, shape: readonly number[]): readonly [number, number, number] {
  ensure(shape.length === 3, layer, 'maps [height, width, channels]', format(shape));
  return shape as readonly [number, number, number];
}

/** The shape that two values give; sides of 1 are repeated. */
function broadcast(
  layer: string,
  one: readonly number[],
  other: readonly number[],
): readonly number[] {
  const fits =
    one.length === other.length &&
    one.every((side, axis) => side === other[axis] || side === 1 || other[axis] === 1);
  ensure(fits, layer, 'inputs of one shape', `${format(one)} and ${format(other)}`);
  return one.map((side, axis) => Math.max(side, other[axis] ?? 1));
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

function format(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
