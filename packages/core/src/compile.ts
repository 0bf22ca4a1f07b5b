import {
  backend,
  type DataId,
  type KernelBackend,
  type TensorContainer,
} from '@tensorflow/tfjs-core';

/** A function of tensors that the engine may run as one call. */
export interface CompiledFunction<
  Arguments extends readonly TensorContainer[],
  Result extends TensorContainer,
> {
  (...args: Arguments): Result;
  /**
   * Calls the function without blocking the event loop, if the engine can. Await the result before
   * the next call, and keep the arguments until then.
   */
  callAsync(...args: Arguments): Promise<Result>;
}

/** A backend that compiles a function of tensors into one call of its engine. */
export interface CompilingBackend extends KernelBackend {
  /** Compiles as the function `compile` does. */
  compile<Arguments extends readonly TensorContainer[], Result extends TensorContainer>(
    run: (...args: Arguments) => Result,
  ): CompiledFunction<Arguments, Result>;
  /**
   * Returns a number that changes whenever a compiled function overwrites the data in place.
   * Needed only if compiled functions do that.
   */
  versionOf?(dataId: DataId): number;
}

/**
 * Compiles a function of tensors with the current backend. If the backend cannot compile, the
 * function itself is called.
 *
 * Inside the function no value may be read back, and JavaScript may create nothing random or
 * changing: what changes from call to call is an argument. Variables that the function assigns are
 * assigned after the call too.
 * @param run Maps tensors (or arrays and records of them) to tensors; the caller owns the results.
 */
export function compile<
  Arguments extends readonly TensorContainer[],
  Result extends TensorContainer,
>(run: (...args: Arguments) => Result): CompiledFunction<Arguments, Result> {
  const current = backend() as Partial<CompilingBackend>;
  if (typeof current.compile === 'function') return current.compile(run);
  return Object.assign((...args: Arguments) => run(...args), {
    callAsync: async (...args: Arguments) => run(...args),
  });
}
