import {
  dispose,
  engine,
  type Tensor,
  type TensorContainer,
  Variable,
} from '@tensorflow/tfjs-core';
import { defineFunction, pruneUnreachable } from '../graph/graphFunction.ts';
import { callerLine, endedTraceError, isSymbolic } from '../trace/symbolic.ts';
import type { Trace } from '../trace/tracer.ts';
import { type OutputRef, OutputSpec } from './callPlan.ts';
import type { Compiler } from './compiler.ts';
import { ConcreteFunction } from './concreteFunction.ts';
import { type FlattenedTree, flatten, type Tree, unflatten } from './tree.ts';
import { SymbolicVariables } from './variables.ts';

type Run = (...parameters: never[]) => TensorContainer;

/**
 * The result of one trace: the concrete function, or variables that the function has created and
 * that must have values before it can be traced.
 */
type TraceResult =
  | { readonly concrete: ConcreteFunction }
  | { readonly created: readonly Variable[]; readonly initializer: ConcreteFunction };

/**
 * Runs a function once on symbolic tensors and makes a concrete function of its ops. Variables that
 * it creates get their first values, and it is traced again.
 * @throws Error that names the line to change if it cannot be compiled; variables then have the
 * values they had.
 */
export function traceFunction(compiler: Compiler, run: Run, args: FlattenedTree): ConcreteFunction {
  const first = traceOnce(compiler, run, args);
  if ('concrete' in first) return first.concrete;
  try {
    initializeVariables(first.created, first.initializer);
    const second = traceOnce(compiler, run, args);
    if ('concrete' in second) return second.concrete;
    second.initializer.release();
    dispose([...second.created]);
    throw new Error(
      `compile: expected a function that creates its variables the first time only, got ${joinNames(second.created)} the second time; create them before.`,
    );
  } catch (error) {
    dispose([...first.created]);
    throw error;
  } finally {
    first.initializer.release();
  }
}

function initializeVariables(created: readonly Variable[], initializer: ConcreteFunction): void {
  const values = initializer.call([]) as Tensor[];
  created.forEach((variable, at) => {
    variable.assign(values[at] as Tensor);
    values[at]?.dispose();
  });
}

function traceOnce(compiler: Compiler, run: Run, args: FlattenedTree): TraceResult {
  compiler.beforeTrace();
  return compiler.binding.tracing((trace) => {
    engine().startScope('compile');
    const guards = new TraceGuards(compiler, trace);
    const variables = new SymbolicVariables(compiler, trace);
    let done = false;
    try {
      const result = traceBody(compiler, run, args, trace, variables, guards);
      done = true;
      return result;
    } finally {
      if (!done) discardTrace(variables);
      variables.restore();
      guards.release();
      engine().endScope();
    }
  });
}

function traceBody(
  compiler: Compiler,
  run: Run,
  args: FlattenedTree,
  trace: Trace,
  variables: SymbolicVariables,
  guards: TraceGuards,
): TraceResult {
  const symbols = args.tensors.map((tensor, index) => {
    // A variable has a symbolic value already, and the function may assign it.
    if (tensor instanceof Variable) return tensor;
    const { dtype } = compiler.data(tensor);
    return compiler.tensor(
      trace.input({ kind: 'argument', index }, tensor.shape, dtype),
      tensor.shape,
      dtype,
    );
  });
  const result = run(...(unflatten(args.tree, symbols) as never[]));
  if (trace.failure !== undefined) throw trace.failure;
  const disposed = variables.disposed();
  if (disposed.length > 0)
    throw new Error(
      `compile: expected a function that keeps its variables, got ${joinNames(disposed)} disposed; dispose outside.`,
    );
  const created = guards.created.filter(({ variable }) => !variable.isDisposed);
  if (created.length > 0)
    return {
      created: created.map(({ variable }) => variable),
      initializer: buildInitializer(compiler, trace, created),
    };
  const flat = flatten('compile: result', result);
  const outputs = new OutputSpec(compiler, trace);
  const results = flat.tensors.map(({ dataId }) => outputs.add(dataId));
  const assigned = variables
    .assigned()
    .map((variable) => [variable, outputs.add(variable.dataId)] as const);
  return {
    concrete: buildConcreteFunction(compiler, trace, outputs, results, flat.tree, assigned),
  };
}

/**
 * A function that computes the first values of variables. @throws Error if they depend on
 * arguments, which differ from call to call.
 */
function buildInitializer(
  compiler: Compiler,
  trace: Trace,
  created: readonly CreatedVariable[],
): ConcreteFunction {
  const outputs = new OutputSpec(compiler, trace);
  const results = created.map(({ initial }) => outputs.addId(initial));
  for (const { variable, initial } of created) {
    const { inputs } = pruneUnreachable(
      trace.builder,
      trace.inputs,
      [trace.output(initial)],
      false,
    );
    if (inputs.some(({ capture }) => capture.kind === 'argument')) {
      throw new Error(
        `compile: expected new variables whose first values do not depend on arguments, got ${variable.name}; create it before.`,
      );
    }
  }
  const tree = results.map((_, at) => at);
  return buildConcreteFunction(compiler, trace, outputs, results, tree, []);
}

function buildConcreteFunction(
  compiler: Compiler,
  trace: Trace,
  { ports, computed, passedThrough, passedThroughTypes }: OutputSpec,
  results: readonly OutputRef[],
  resultTree: Tree,
  assigned: readonly (readonly [Variable, OutputRef])[],
): ConcreteFunction {
  const numberOf = ({ from, index }: OutputRef): number =>
    from === 'computed' ? index : computed.length + index;
  const variableUpdates = assigned.map(([variable, ref]) => ({ variable, value: numberOf(ref) }));
  const reachable = pruneUnreachable(trace.builder, trace.inputs, ports, true);
  const inputs = reachable.inputs.map(({ capture }) => capture);
  const name = ports.length === 0 ? undefined : compiler.nextName();
  if (name !== undefined) {
    const assignedPorts = variableUpdates.flatMap(({ value }) => ports[value] ?? []);
    const body = compiler.xlaClusters.rewrite(trace.builder, reachable, ports, assignedPorts);
    defineFunction(compiler.runtime, trace.builder, name, body);
  }
  return new ConcreteFunction(compiler, {
    name,
    inputs,
    computed,
    passedThrough,
    passedThroughTypes,
    results: results.map(numberOf),
    resultTree,
    variableUpdates,
  });
}

/** After an error: disposes the variables that were created, and tensors saved for a gradient. */
function discardTrace(variables: SymbolicVariables): void {
  dispose(variables.created());
  for (const { saved } of engine().state.activeTape ?? []) dispose(saved as Tensor[]);
  Object.assign(engine().state, { activeTape: null });
}

function joinNames(variables: readonly Variable[]): string {
  return variables.map(({ name }) => name).join(', ');
}

/** A variable that the function has created, and its first value. */
interface CreatedVariable {
  readonly variable: Variable;
  /** Id of the value in the trace. */
  readonly initial: number;
}

/** The methods of TF.js's engine that are replaced while tracing; the first is private there. */
interface WatchedEngine {
  track(tensor: Tensor): Tensor;
  makeVariable(...parameters: readonly unknown[]): Variable;
}

/**
 * Changes to this process while a function is traced: randomness of JavaScript is refused, new
 * tensors and variables are noted.
 */
class TraceGuards {
  readonly created: CreatedVariable[] = [];
  readonly #compiler: Compiler;
  readonly #tensors: Tensor[] = [];
  readonly #random = Object.getOwnPropertyDescriptor(Math, 'random') as PropertyDescriptor;

  constructor(compiler: Compiler, trace: Trace) {
    this.#compiler = compiler;
    const refuse = () => {
      throw trace.fail(javascriptRandomError());
    };
    Object.defineProperty(Math, 'random', { ...this.#random, value: refuse });
    const watched = engine() as unknown as WatchedEngine;
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
   * Undoes the changes and disposes the symbolic tensors that are left: any later use of one throws
   * an error that says so.
   */
  release(): void {
    Object.defineProperty(Math, 'random', this.#random);
    const watched = engine() as unknown as Partial<WatchedEngine>;
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
      invalidate(tensor);
    }
  }
}

function invalidate(tensor: Tensor): void {
  const refuse = (): never => {
    throw endedTraceError();
  };
  Object.defineProperty(tensor, 'dataId', { get: refuse });
  Object.defineProperty(tensor, 'throwIfDisposed', { value: refuse });
}

function javascriptRandomError(): Error {
  return new Error(
    `compile: expected a function without randomness of JavaScript, got one that draws (Math.random, or a random tensor of TensorFlow.js) at ${callerLine()}; ` +
      'it would be the same at every call: use randomUniform(shape, seed) of @kd/core with a seed that is an argument.',
  );
}
