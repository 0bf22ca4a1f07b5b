import { engine, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { callerLine } from '../trace/caller.ts';
import { isSymbolic, traceHasEnded } from '../trace/symbolic.ts';
import type { Trace } from '../trace/trace.ts';
import type { Compiler } from './compiler.ts';

/** A variable that the function made, and its first value. */
export interface Created {
  readonly variable: Variable;
  /** Id of the value in the trace. */
  readonly initial: number;
}

/** The methods of TF.js's engine that are watched; the first is private there. */
interface Watched {
  track(tensor: Tensor): Tensor;
  makeVariable(...parameters: readonly unknown[]): Variable;
}

/**
 * What is different in this process while a function is traced: randomness of JavaScript is
 * refused, new tensors and variables are noted.
 */
export class Guards {
  readonly created: Created[] = [];
  readonly #compiler: Compiler;
  readonly #tensors: Tensor[] = [];
  readonly #random = Object.getOwnPropertyDescriptor(Math, 'random') as PropertyDescriptor;

  constructor(compiler: Compiler, trace: Trace) {
    this.#compiler = compiler;
    const refuse = () => {
      throw trace.fail(randomInJavaScript());
    };
    Object.defineProperty(Math, 'random', { ...this.#random, value: refuse });
    const watched = engine() as unknown as Watched;
    const { track, makeVariable } = watched;
    watched.track = (tensor) => {
      this.#tensors.push(tensor);
      return track.call(watched, tensor);
    };
    watched.makeVariable = (...parameters) => {
      const variable = makeVariable.apply(watched, [...parameters]);
      this.created.push({
        variable,
        initial: trace.idOf(variable.dataId, compiler.data(variable)),
      });
      return variable;
    };
  }

  /**
   * Ends the watch, and frees the symbolic tensors that are left: what uses one of them from now on
   * is told so.
   */
  release(): void {
    Object.defineProperty(Math, 'random', this.#random);
    const watched = engine() as unknown as Partial<Watched>;
    delete watched.track;
    delete watched.makeVariable;
    for (const tensor of this.#tensors) {
      if (
        tensor.isDisposed ||
        !this.#compiler.backend.tensorMap.has(tensor.dataId) ||
        !isSymbolic(this.#compiler.data(tensor).id)
      )
        continue;
      tensor.dispose();
      poison(tensor);
    }
  }
}

function poison(tensor: Tensor): void {
  const refuse = (): never => {
    throw traceHasEnded();
  };
  Object.defineProperty(tensor, 'dataId', { get: refuse });
  Object.defineProperty(tensor, 'throwIfDisposed', { value: refuse });
}

function randomInJavaScript(): Error {
  return new Error(
    `compile: expected a function without randomness of JavaScript, got one that draws (Math.random, or a random tensor of TensorFlow.js) at ${callerLine()}; ` +
      'it would be the same at every call: use randomUniform(shape, seed) of @kd/core with a seed that is an argument.',
  );
}
