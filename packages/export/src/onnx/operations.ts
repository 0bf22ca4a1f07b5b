import {
  type ArithmeticNode,
  expectedError,
  type FusedActivation,
  type GraphNode,
  type GraphNodeBase,
} from '@kd/core';
import { writeActivation, writeClamp } from './activations.ts';
import { type OnnxInput, type OperationContext, padsOf } from './context.ts';
import { writeAffine, writeConvolution, writeDense } from './layers.ts';
import { channelAxis } from './layout.ts';
import { reshape, slice, writePad, writeReshape, writeResize, writeShuffle } from './maps.ts';

/** Writes one node of the graph. */
export function writeOperation(node: GraphNode, context: OperationContext): void {
  const { writer, output, inputs } = context;
  const names = inputs.map(({ name }) => name);
  const [{ name: x, shape }] = inputs as readonly [OnnxInput];
  switch (node.kind) {
    case 'convolution':
      activated(node, context, (linear) => writeConvolution(node, context, linear));
      return;
    case 'dense':
      activated(node, context, (linear) => writeDense(node, context, linear));
      return;
    case 'channelAffine':
      activated(node, context, (linear) => writeAffine(node, context, linear));
      return;
    case 'activation':
      writeActivation(node, context);
      return;
    case 'arithmetic':
      activated(node, context, (linear) => writeArithmetic(node, context, linear));
      return;
    case 'pool':
      writer.add(node.function === 'max' ? 'MaxPool' : 'AveragePool', names, output, {
        kernel_shape: node.size,
        strides: node.strides,
        pads: padsOf(node.pads),
        ...(node.function === 'average' && { count_include_pad: Number(node.countsPadding) }),
      });
      return;
    case 'globalPool': {
      const operator = node.function === 'max' ? 'GlobalMaxPool' : 'GlobalAveragePool';
      if (node.keepsMaps) writer.add(operator, names, output);
      else reshape(writer, writer.add(operator, names, `${output}/maps`), node.shape, output);
      return;
    }
    case 'concat':
      writer.add('Concat', names, output, { axis: channelAxis(node.shape) });
      return;
    case 'sliceChannels':
      slice(writer, x, output, {
        axes: [channelAxis(shape)],
        starts: [node.first],
        ends: [node.first + node.count],
      });
      return;
    case 'shuffleChannels':
      writeShuffle(node.groups, context);
      return;
    case 'pad':
      writePad(node, context);
      return;
    case 'subsample':
      slice(writer, x, output, {
        axes: [2, 3],
        starts: [0, 0],
        ends: shape.slice(0, 2),
        steps: [node.stride, node.stride],
      });
      return;
    case 'crop': {
      const [height, width] = node.shape as readonly [number, number];
      slice(writer, x, output, {
        axes: [2, 3],
        starts: [node.top, node.left],
        ends: [node.top + height, node.left + width],
      });
      return;
    }
    case 'reshape':
      writeReshape(node, context);
      return;
    case 'resize':
      writeResize(node, context);
      return;
    default:
      node satisfies never;
      throw expectedError(
        'exportOnnx',
        'an operation that ONNX files are written with',
        `${(node as GraphNodeBase & { kind: string }).kind} in ${(node as GraphNodeBase).name}`,
      );
  }
}

/** Writes an operation and, after it, the activation that the graph has fused into it. */
function activated(
  { activation }: { readonly activation: FusedActivation },
  { writer, output, isClamped }: OperationContext,
  write: (linear: string) => void,
): void {
  if (activation === 'linear' || isClamped) {
    write(output);
    return;
  }
  const linear = writer.unique('linear');
  write(linear);
  writeClamp(activation, writer, linear, output);
}

function writeArithmetic(
  node: GraphNodeBase & ArithmeticNode,
  { writer, inputs }: OperationContext,
  output: string,
): void {
  const operator = {
    add: inputs.length === 2 ? 'Add' : 'Sum',
    subtract: 'Sub',
    multiply: 'Mul',
    maximum: 'Max',
    minimum: 'Min',
    average: 'Mean',
  }[node.function];
  const names = inputs.map(({ name }) => name);
  if (node.function !== 'multiply' && node.function !== 'subtract') {
    writer.add(operator, names, output);
    return;
  }
  const [first, ...others] = names as [string, ...string[]];
  others.reduce((left, right, at) => {
    const name = at === others.length - 1 ? output : writer.unique('product');
    return writer.add(operator, [left, right], name);
  }, first);
}
