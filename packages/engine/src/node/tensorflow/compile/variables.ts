import { clone, type DataId, engine, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import type { Trace } from '../trace/trace.ts';
import type { Compiler } from './compiler.ts';

interface Replaced {
  readonly variable: Variable;
  /** Holds what the variable held. */
  readonly before: Tensor;
  /** Of the symbolic value it got. */
  readonly symbol: DataId;
}

/**
 * All registered variables, each with a symbolic value of its own in place of what it holds, until
 * they are put back.
 */
export class ReplacedVariables {
  readonly #replaced: Replaced[] = [];

  constructor(compiler: Compiler, trace: Trace) {
    for (const variable of Object.values(engine().registeredVariables)) {
      const before = clone<Tensor>(variable);
      const { dtype } = compiler.data(variable);
      const symbol = compiler.tensor(
        trace.input({ kind: 'variable', variable }, variable.shape, dtype),
        variable.shape,
        dtype,
      );
      variable.assign(symbol);
      symbol.dispose();
      this.#replaced.push({ variable, before, symbol: variable.dataId });
    }
  }

  /** Those that the function has assigned. */
  changed(): Variable[] {
    return this.#replaced
      .filter(({ variable, symbol }) => variable.dataId !== symbol)
      .map(({ variable }) => variable);
  }

  /** Those that the function has disposed of. */
  disposed(): Variable[] {
    return this.#replaced
      .filter(({ variable }) => variable.isDisposed)
      .map(({ variable }) => variable);
  }

  /** Those that were not there before. */
  created(): Variable[] {
    const before = new Set(this.#replaced.map(({ variable }) => variable));
    return Object.values(engine().registeredVariables).filter((variable) => !before.has(variable));
  }

  /** Gives every variable the data it held. */
  restore(): void {
    for (const { variable, before } of this.#replaced) {
      if (variable.isDisposed) revive(variable, before);
      else variable.assign(before);
      before.dispose();
    }
  }
}

function revive(variable: Variable, before: Tensor): void {
  Object.assign(variable, { isDisposedInternal: false, dataId: before.dataId });
  engine().registeredVariables[variable.name] = variable;
  engine().incRef(variable, null as never);
}
