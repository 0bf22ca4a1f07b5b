import type { GraphNode } from '@kd/core';
import { writeActivation } from './activations.ts';
import { writeArithmetic } from './arithmetic.ts';
import { type Context, type Input, inputsOf } from './context.ts';
import { writeConvolution, writeDense, writeMapAffine, writeVectorAffine } from './layers.ts';
import type { Value } from './litertWriter.ts';
import {
  writeConcat,
  writeCrop,
  writePad,
  writeReshape,
  writeShuffle,
  writeSlice,
  writeSubsample,
} from './moves.ts';
import { writeGlobalPool, writePool } from './pools.ts';
import { writeResize } from './resizes.ts';

/** Writes one operation; its value is added to the context. */
export function writeOperation(context: Context, node: GraphNode): void {
  const inputs = inputsOf(context, node.inputs);
  context.values.set(node.name, write(context, node, inputs));
}

function write(context: Context, node: GraphNode, inputs: readonly Input[]): Value {
  const [input] = inputs as readonly [Input];
  switch (node.kind) {
    case 'convolution':
      return writeConvolution(context, node, input);
    case 'dense':
      return writeDense(context, node, input);
    case 'channelAffine':
      return node.shape.length === 3
        ? writeMapAffine(context, node, input)
        : writeVectorAffine(context, node, input);
    case 'activation':
      return writeActivation(context, node, input);
    case 'arithmetic':
      return writeArithmetic(context, node, inputs);
    case 'pool':
      return writePool(context, node, input);
    case 'globalPool':
      return writeGlobalPool(context, node, input);
    case 'concat':
      return writeConcat(context, node, inputs);
    case 'sliceChannels':
      return writeSlice(context, node, input);
    case 'shuffleChannels':
      return writeShuffle(context, node, input);
    case 'pad':
      return writePad(context, node, input);
    case 'subsample':
      return writeSubsample(context, node, input);
    case 'crop':
      return writeCrop(context, node, input);
    case 'reshape':
      return writeReshape(context, node, input);
    case 'resize':
      return writeResize(context, node, input);
    default:
      return node satisfies never;
  }
}
