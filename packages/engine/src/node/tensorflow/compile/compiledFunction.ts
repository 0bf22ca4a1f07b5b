/**
 * compile(): why and how a function becomes one call of TensorFlow.
 *
 * Op by op, a training step is some hundred calls from JavaScript into TensorFlow, each with its own
 * tensors. Compiled, the whole step is one op: TensorFlow sees all of it, runs independent ops at
 * the same time, reuses memory and fuses ops.
 *
 *      arguments                    once for each signature
 *     (TF.js tensors)      (structure, dtypes and shapes of the arguments)
 *          │
 *          │      ┌───────┐     ┌───────┐     ┌────────┐     ┌──────────────────┐
 *          ├─────►│ trace │────►│ graph │────►│ passes │────►│ ConcreteFunction │
 *          │      └───────┘     └───────┘     └────────┘     └────────┬─────────┘
 *          │                                                          │
 *          │                                                   ┌──────▼────┐
 *          └──────────────── every call ──────────────────────►│ call plan │──► results, variables
 *                                                              └───────────┘
 *
 * trace             runs the function once on symbolic tensors, which have shapes and no values.
 *                   TF.js's kernels call the binding as usual; it appends nodes instead of running
 *                   ops. Variables get symbolic values too, so that an assignment shows as a new
 *                   value. Tensors from outside are captured. (traceFunction.ts, variables.ts,
 *                   ../trace)
 * graph             a TF_Graph of these nodes (../graph)
 * passes            equal nodes become one, convolution + bias + ReLU becomes one op, and updates of
 *                   large variables become loops of XLA (../graph/passes). The first two work while
 *                   nodes are appended, the last on the finished graph.
 * ConcreteFunction  the nodes that results, assigned variables and effects depend on, as a TF
 *                   function in the context; the graph is freed (concreteFunction.ts)
 * call plan         what a call passes to that function (arguments, variables, captured tensors) and
 *                   what it does with the outputs: results for the caller, new values of variables
 *                   (callPlan.ts, tree.ts)
 */
import { type CompiledFunction, ensure } from '@kd/core';
import { engine, env, getBackend, type TensorContainer, Variable } from '@tensorflow/tfjs-core';
import type { Compiler } from './compiler.ts';
import type { ConcreteFunction } from './concreteFunction.ts';
import { traceFunction } from './traceFunction.ts';
import { type FlattenedTree, flatten } from './tree.ts';

type Run<Arguments extends readonly TensorContainer[], Result extends TensorContainer> = (
  ...args: Arguments
) => Result;

/** Implements `compile` of @kd/core for this backend. */
export function compileFunction<
  Arguments extends readonly TensorContainer[],
  Result extends TensorContainer,
>(compiler: Compiler, run: Run<Arguments, Result>): CompiledFunction<Arguments, Result> {
  if (process.env.KD_COMPILE === 'off')
    return Object.assign((...args: Arguments) => run(...args), {
      callAsync: async (...args: Arguments) => run(...args),
    });
  const cache = new FunctionCache();
  const find = (args: Arguments): { flat: FlattenedTree; concrete: ConcreteFunction } => {
    const flat = flatten('compile: argument', args);
    const signature = computeSignature(compiler, flat);
    const known = cache.get(signature);
    if (known !== undefined) return { flat, concrete: known };
    const concrete = traceFunction(compiler, run as never, flat);
    cache.add(signature, concrete);
    return { flat, concrete };
  };
  const call = (...args: Arguments): Result => {
    if (runsInline(compiler)) return run(...args);
    const { flat, concrete } = find(args);
    return concrete.call(flat.tensors) as Result;
  };
  const callAsync = async (...args: Arguments): Promise<Result> => {
    if (runsInline(compiler)) return run(...args);
    const { flat, concrete } = find(args);
    return concrete.callAsync(flat.tensors) as Promise<Result>;
  };
  const compiled = Object.assign(call, { callAsync });
  compiler.releaseWhenCollected(compiled, cache);
  return compiled;
}

/**
 * Whether a call runs the function op by op: under a gradient its ops must be on the tape, in
 * another trace in that graph, and in a profile each op counts for itself.
 */
function runsInline({ backend, binding }: Compiler): boolean {
  const { gradientDepth, profiling } = engine().state;
  const other = getBackend() !== 'tensorflow' || engine().backend !== backend;
  return (
    binding.trace !== undefined || gradientDepth > 0 || profiling || other || env().getBool('DEBUG')
  );
}

/**
 * Structure, dtypes and shapes of the arguments; a variable is part of the signature itself, since
 * the function may assign it.
 */
function computeSignature(compiler: Compiler, { tensors, structure }: FlattenedTree): string {
  let signature = structure;
  for (const tensor of tensors) {
    ensure(
      !tensor.isDisposed,
      'compile: argument',
      'live tensors',
      `one of shape [${tensor.shape.join(', ')}] that was disposed`,
    );
    signature +=
      tensor instanceof Variable
        ? `;variable ${tensor.id}`
        : `;${compiler.data(tensor).dtype},${tensor.shape.join()}`;
  }
  return signature;
}

/** More signatures of one function are a sign that shapes change at every call. */
const maxSignatures = 8;

/** The concrete functions of one function by signature; the least recently used are released. */
class FunctionCache {
  readonly #bySignature = new Map<string, ConcreteFunction>();

  get(signature: string): ConcreteFunction | undefined {
    const concrete = this.#bySignature.get(signature);
    if (concrete === undefined || this.#bySignature.size === 1) return concrete;
    this.#bySignature.delete(signature);
    this.#bySignature.set(signature, concrete);
    return concrete;
  }

  add(signature: string, concrete: ConcreteFunction): void {
    this.#bySignature.set(signature, concrete);
    if (this.#bySignature.size <= maxSignatures) return;
    const [oldest] = this.#bySignature;
    if (oldest === undefined) return;
    this.#bySignature.delete(oldest[0]);
    oldest[1].release();
  }

  release(): void {
    for (const concrete of this.#bySignature.values()) concrete.release();
    this.#bySignature.clear();
  }
}
