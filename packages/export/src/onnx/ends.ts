/** The input and the outputs of a file: their names, their axes, and what leads to them. */
import { ensure, type Graph } from '@kd/core';
import type { OnnxInput } from './context.ts';
import { isMaps, isOrderFree, onnxShape, toChannelsFirst, toChannelsLast } from './layout.ts';
import { reshape } from './maps.ts';
import type { OnnxEnd } from './onnxFile.ts';
import type { OnnxWriter } from './onnxWriter.ts';

export interface Ends {
  /** Axes of maps outside. */
  readonly layout: 'nhwc' | 'nchw';
  /** What the first output is. */
  readonly output: 'logits' | 'probabilities';
  /** Name of each output and the value of the graph that it shows. */
  readonly values: ReadonlyMap<string, string>;
}

/** @throws RangeError on a tap that has the name of the input or of the first output. */
export function chooseEnds(
  { features, input, logits }: Graph,
  { layout, output }: Pick<Ends, 'layout' | 'output'>,
  taps: boolean,
  caller: string,
): Ends {
  const values = new Map([[output, logits] as [string, string]]);
  for (const [name, value] of Object.entries(taps ? features : {})) {
    ensure(
      name !== output && name !== input.name,
      caller,
      `taps of other names than ${output} and ${input.name}`,
      name,
      'give the tap another name',
    );
    values.set(name, value);
  }
  return { layout, output, values };
}

/**
 * The outputs that need no operation of their own: the value of the graph has the output's name.
 * @param plan Values that are rounded to 8 bits after they are computed.
 * @returns Names by value of the graph.
 */
export function directOutputs(
  { input, nodes }: Graph,
  ends: Ends,
  plan: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, string> {
  const shapes = new Map(nodes.map(({ name, shape }) => [name, shape]));
  const direct = new Map<string, string>();
  for (const [name, value] of ends.values) {
    const isWhole = name !== 'probabilities' || ends.output === 'logits';
    const shape = shapes.get(value) ?? [];
    const isTransposed = ends.layout === 'nhwc' && isMaps(shape);
    const isLast = value !== input.name && !plan.has(value);
    if (isWhole && !isTransposed && isLast && !direct.has(value)) direct.set(value, name);
  }
  return direct;
}

/** Writes the door. @returns The input with the channels first. */
export function writeInput({ input }: Graph, { layout }: Ends, writer: OnnxWriter): OnnxInput {
  const { name, shape } = input;
  if (layout === 'nchw') return { name, shape };
  const transposed = writer.unique(`${name}/channelsFirst`);
  if (isOrderFree(shape)) reshape(writer, name, onnxShape(shape), transposed);
  else writer.add('Transpose', [name], transposed, { perm: toChannelsFirst });
  return { name: transposed, shape };
}

/** Writes what leads from a value to an output of its own name. */
export function writeOutput(
  name: string,
  value: OnnxInput,
  { layout, output }: Ends,
  writer: OnnxWriter,
): void {
  if (name === 'probabilities' && output === name)
    writer.add('Softmax', [value.name], name, { axis: -1 });
  else if (layout === 'nhwc' && isMaps(value.shape))
    writer.add('Transpose', [value.name], name, { perm: toChannelsLast });
  else if (value.name !== name) writer.add('Identity', [value.name], name);
}

/** Declares an input or an output. */
export function declareEnd(name: string, shape: readonly number[], { layout }: Ends): OnnxEnd {
  return { name, dims: ['batch', ...(layout === 'nhwc' ? shape : onnxShape(shape))] };
}
