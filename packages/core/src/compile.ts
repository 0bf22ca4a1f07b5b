import {
  backend,
  type DataId,
  type KernelBackend,
  type TensorContainer,
} from '@tensorflow/tfjs-core';

/** A function of tensors that its engine may run as one call. */
export interface CompiledFunction<
  Arguments extends readonly TensorContainer[],
  Result extends TensorContainer,
> {
  (...args: Arguments): Result;
  /**
   * The same, without holding up the event loop where the engine can. Await it before the next
   * call, and let its arguments live until then.
   */
  later(...args: Arguments): Promise<Result>;
}

/** A backend that can turn a function of tensors into one call of its engine. */
export interface CompilingBackend extends KernelBackend {
  compile<Arguments extends readonly TensorContainer[], Result extends TensorContainer>(
    run: (...args: Arguments) => Result,
  ): CompiledFunction<Arguments, Result>;
  /**
   * Needed where a compiled function changes a variable's data in place: a number that differs
   * afterwards.
   */
  versionOf?(dataId: DataId): number;
}

/**
 * Asks the current backend to compile a function of tensors; the function itself where the backend
 * cannot.
 *
 * Inside, nothing may be read back and nothing random or changing may be made in JavaScript: what
 * changes enters as an argument.
 * Variables that the function assigns are assigned after the call too.
 * @param run Tensors (or arrays and records of them) in, tensors out; the caller owns what comes
 * out.
 */
export function compile<
  Arguments extends readonly TensorContainer[],
  Result extends TensorContainer,
>(run: (...args: Arguments) => Result): CompiledFunction<Arguments, Result> {
  const current = backend() as Partial<CompilingBackend>;
  if (typeof current.compile === 'function') return current.compile(run);
  return Object.assign((...args: Arguments) => run(...args), {
    later: async (...args: Arguments) => run(...args),
  });
}
