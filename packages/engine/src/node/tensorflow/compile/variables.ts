import { clone, type DataId, engine, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import type { Trace } from '../trace/tracer.ts';
import type { Compiler } from './compiler.ts';

interface ReplacedVariable {
  readonly variable: Variable;
  /** Shares the data that the variable had. */
  readonly before: Tensor;
  /** Data of the symbolic value that it got. */
  readonly symbol: DataId;
}

/**
 * All registered variables, each with a symbolic value in place of its own, until `restore` puts
 * those back.
 */
export class SymbolicVariables {
  readonly #replaced: ReplacedVariable[] = [];

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

  /** Variables that the function has assigned. */
  assigned(): Variable[] {
    return this.#replaced
      .filter(({ variable, symbol }) => variable.dataId !== symbol)
      .map(({ variable }) => variable);
  }

  /** Variables that the function has disposed. */
  disposed(): Variable[] {
    return this.#replaced
      .filter(({ variable }) => variable.isDisposed)
      .map(({ variable }) => variable);
  }

  /** Variables that the function has created. */
  created(): Variable[] {
    const before = new Set(this.#replaced.map(({ variable }) => variable));
    return Object.values(engine().registeredVariables).filter((variable) => !before.has(variable));
  }

  /** Gives every variable its data back. */
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
