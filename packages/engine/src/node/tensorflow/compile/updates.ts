import type { Attribute } from '../attributes.ts';
import type { Binding } from '../binding.ts';
import type { GraphOutput, Pointer } from '../c/api.ts';
import { attributeType, dataType } from '../constants.ts';
import type { GraphNode } from '../trace/graphBuilder.ts';
import { hasKernel } from '../trace/hasKernel.ts';
import { elementwiseRegions, type Region } from '../trace/regions.ts';
import { type FunctionBody, type Reached, toFunction } from '../trace/toFunction.ts';
import type { Trace } from '../trace/trace.ts';

/**
 * Below, what an update reads stays in the caches between ops, and a training of some hundred steps
 * would not pay back what compiling costs
 * (docs/decisions/engine.md).
 */
const leastElements = 2 ** 18;

/**
 * Updates of large variables, of each of which XLA makes one loop: op by op, Adam's is a dozen
 * passes over the memory.
 */
export class Updates {
  readonly #binding: Binding;
  /**
   * Names of functions in the context, by what they compute. They are kept: XLA compiles each once
   * per number of elements.
   */
  readonly #names = new Map<string, string>();
  #isKnown = false;
  #hasXla = false;

  constructor(binding: Binding) {
    this.#binding = binding;
  }

  /** The body of a function. @param assigned Those of its outputs that variables get. */
  fused(
    trace: Trace,
    { nodes, inputs }: Reached,
    outputs: readonly GraphOutput[],
    assigned: readonly GraphOutput[],
  ): FunctionBody {
    const given = inputs.map(({ operation }) => ({ operation, index: 0 }));
    if (!this.#isOffered()) return { nodes, inputs: given, outputs };
    const left = new Set(nodes);
    const moved = new Moved();
    for (const region of elementwiseRegions(nodes, outputs, assigned, leastElements)) {
      for (const node of region.members) left.delete(node);
      for (const [at, output] of this.#call(trace, region, left).entries())
        moved.move(region.outputs[at] as GraphOutput, output);
    }
    for (const node of nodes) {
      if (!left.has(node) || !node.inputs.some((input) => moved.has(input))) continue;
      const again = trace.builder.append(node.op, node.attributes, node.inputs.map(moved.placeOf));
      left.delete(node);
      left.add(again);
      moved.move({ operation: node.operation, index: 0 }, { operation: again.operation, index: 0 });
    }
    return { nodes: [...left], inputs: given, outputs: outputs.map(moved.placeOf) };
  }

  /**
   * A call of a region's function. Tensors go flat, where no axis is broadcast: those of one size
   * then share a loop. @returns Its outputs.
   */
  #call(trace: Trace, region: Region, nodes: Set<GraphNode>): GraphOutput[] {
    const { builder } = trace;
    const reshape = (output: GraphOutput, shape: readonly number[]): GraphOutput => {
      const sides = trace.output(
        trace.constant([shape.length], dataType.int32, Int32Array.from(shape)),
      );
      const node = builder.append('Reshape', [floatType], [output, sides]);
      nodes.add(builder.nodes.get(sides.operation) as GraphNode).add(node);
      return { operation: node.operation, index: 0 };
    };
    const shapes = region.inputs.map((input) => builder.shapeOf(input));
    const isFlat = shapes.every(
      (shape) => shape?.length === 0 || shape?.join() === region.shape.join(),
    );
    const inputs = region.inputs.map((input, at) =>
      isFlat && shapes[at]?.length !== 0 ? reshape(input, [-1]) : input,
    );
    const call = builder.append('PartitionedCall', this.#attributes(trace, region), inputs);
    nodes.add(call);
    const outputs = region.outputs.map((_, index) => ({ operation: call.operation, index }));
    return isFlat ? outputs.map((output) => reshape(output, region.shape)) : outputs;
  }

  #attributes(trace: Trace, region: Region): Attribute[] {
    const types = (of: readonly GraphOutput[]) => of.map(() => dataType.float32);
    return [
      { name: 'Tin', type: attributeType.type, value: types(region.inputs) },
      { name: 'Tout', type: attributeType.type, value: types(region.outputs) },
      { name: 'f', type: attributeType.func, value: this.#nameOf(trace, region) },
      { name: '_XlaMustCompile', type: attributeType.bool, value: true },
    ];
  }

  #nameOf(trace: Trace, region: Region): string {
    const known = this.#names.get(region.key);
    if (known !== undefined) return known;
    const name = `kd_update_${this.#names.size}`;
    toFunction(this.#binding.runtime, trace, name, region);
    this.#names.set(region.key, name);
    return name;
  }

  /** On the CPU, the only place where it was measured, by a library that has XLA. */
  #isOffered(): boolean {
    if (this.#isKnown) return this.#hasXla;
    this.#isKnown = true;
    this.#hasXla =
      !this.#binding.isUsingGpuDevice() && hasKernel(this.#binding.runtime, 'XlaLaunch');
    return this.#hasXla;
  }
}

const floatType: Attribute = { name: 'T', type: attributeType.type, value: dataType.float32 };

/** Where outputs are found instead. */
class Moved {
  readonly #places = new Map<Pointer, GraphOutput>();

  /**
   * @param from The first output of an operation; the others come after it at the new place too.
   */
  move(from: GraphOutput, to: GraphOutput): void {
    this.#places.set(from.operation, to);
  }

  has({ operation }: GraphOutput): boolean {
    return this.#places.has(operation);
  }

  readonly placeOf = (output: GraphOutput): GraphOutput => {
    const first = this.#places.get(output.operation);
    return first === undefined
      ? output
      : { operation: first.operation, index: first.index + output.index };
  };
}
