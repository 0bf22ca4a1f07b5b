import {
  dispose,
  engine,
  type Tensor,
  type TensorContainer,
  Variable,
} from '@tensorflow/tfjs-core';
import { renewGradients } from '../quick/replace.ts';
import { reach, toFunction } from '../trace/toFunction.ts';
import type { Trace } from '../trace/trace.ts';
import type { Compiler } from './compiler.ts';
import { type Flat, flatten, rebuild, type Template } from './containers.ts';
import { type Created, Guards } from './guards.ts';
import { Outputs, type Pick } from './outputs.ts';
import { Program } from './program.ts';
import { ReplacedVariables } from './variables.ts';

type Run = (...parameters: never[]) => TensorContainer;

/**
 * What one trace has found: the program, or variables that the function has made and that must
 * exist before it can be traced.
 */
type Recorded =
  | { readonly program: Program }
  | { readonly created: readonly Variable[]; readonly initialize: Program };

/**
 * Runs a function once on symbolic tensors and makes a program of what it did. Variables that it
 * makes get their first values, and it is traced again.
 * @throws Error that names the line to change, where it cannot be compiled; variables are then as
 * they were.
 */
export function record(compiler: Compiler, run: Run, given: Flat): Program {
  const first = recordOnce(compiler, run, given);
  if ('program' in first) return first.program;
  try {
    initializeVariables(first.created, first.initialize);
    const second = recordOnce(compiler, run, given);
    if ('program' in second) return second.program;
    second.initialize.release();
    dispose([...second.created]);
    throw new Error(
      `compile: expected a function that makes its variables the first time only, got ${namesOf(second.created)} the second time; make them before.`,
    );
  } catch (error) {
    dispose([...first.created]);
    throw error;
  } finally {
    first.initialize.release();
  }
}

function initializeVariables(created: readonly Variable[], initialize: Program): void {
  const values = initialize.call([]) as Tensor[];
  created.forEach((variable, at) => {
    variable.assign(values[at] as Tensor);
    values[at]?.dispose();
  });
}

function recordOnce(compiler: Compiler, run: Run, given: Flat): Recorded {
  renewGradients();
  return compiler.binding.tracing((trace) => {
    engine().startScope('compile');
    const guards = new Guards(compiler, trace);
    const variables = new ReplacedVariables(compiler, trace);
    let done = false;
    try {
      const recorded = recordRun(compiler, run, given, trace, variables, guards);
      done = true;
      return recorded;
    } finally {
      if (!done) abandon(variables);
      variables.restore();
      guards.release();
      engine().endScope();
    }
  });
}

function recordRun(
  compiler: Compiler,
  run: Run,
  given: Flat,
  trace: Trace,
  variables: ReplacedVariables,
  guards: Guards,
): Recorded {
  const symbols = given.tensors.map((tensor, index) => {
    // It has a symbolic value already, and the function may assign it.
    if (tensor instanceof Variable) return tensor;
    const { dtype } = compiler.data(tensor);
    return compiler.tensor(
      trace.input({ kind: 'argument', index }, tensor.shape, dtype),
      tensor.shape,
      dtype,
    );
  });
  const result = run(...(rebuild(given.template, symbols) as never[]));
  if (trace.failure !== undefined) throw trace.failure;
  const disposed = variables.disposed();
  if (disposed.length > 0)
    throw new Error(
      `compile: expected a function that keeps its variables, got ${namesOf(disposed)} disposed of; do it outside.`,
    );
  const created = guards.created.filter(({ variable }) => !variable.isDisposed);
  if (created.length > 0)
    return {
      created: created.map(({ variable }) => variable),
      initialize: initializer(compiler, trace, created),
    };
  const flat = flatten('compile: result', result);
  const outputs = new Outputs(compiler, trace);
  const results = flat.tensors.map(({ dataId }) => outputs.pick(dataId));
  const changed = variables
    .changed()
    .map((variable) => [variable, outputs.pick(variable.dataId)] as const);
  return { program: programOf(compiler, trace, outputs, results, flat.template, changed) };
}

/**
 * A program that computes the first values of variables. @throws Error where they depend on
 * arguments, which differ from call to call.
 */
function initializer(compiler: Compiler, trace: Trace, created: readonly Created[]): Program {
  const outputs = new Outputs(compiler, trace);
  const results = created.map(({ initial }) => outputs.pickId(initial));
  for (const { variable, initial } of created) {
    if (
      reach(trace, [trace.output(initial)], false).inputs.some(
        ({ source }) => source.kind === 'argument',
      )
    ) {
      throw new Error(
        `compile: expected new variables whose first values do not depend on arguments, got ${variable.name}; make it before.`,
      );
    }
  }
  const template = results.map((_, at) => at);
  return programOf(compiler, trace, outputs, results, template, []);
}

function programOf(
  compiler: Compiler,
  trace: Trace,
  { ports, computed, sources, passed }: Outputs,
  results: readonly Pick[],
  template: Template,
  changed: readonly (readonly [Variable, Pick])[],
): Program {
  const numberOf = ({ from, index }: Pick): number =>
    from === 'computed' ? index : computed.length + index;
  const changes = changed.map(([variable, pick]) => ({ variable, value: numberOf(pick) }));
  const reached = reach(trace, ports, true);
  const inputs = reached.inputs.map(({ source }) => source);
  const name = ports.length === 0 ? undefined : compiler.nextName();
  if (name !== undefined) {
    const assigned = changes.flatMap(({ value }) => ports[value] ?? []);
    toFunction(
      compiler.runtime,
      trace,
      name,
      compiler.updates.fused(trace, reached, ports, assigned),
    );
  }
  return new Program(compiler, {
    name,
    inputs,
    computed,
    sources,
    passed,
    results: results.map(numberOf),
    template,
    changes,
  });
}

/** After an error: variables that were made go, and what a gradient had saved. */
function abandon(variables: ReplacedVariables): void {
  dispose(variables.created());
  for (const { saved } of engine().state.activeTape ?? []) dispose(saved as Tensor[]);
  Object.assign(engine().state, { activeTape: null });
}

function namesOf(variables: readonly Variable[]): string {
  return variables.map(({ name }) => name).join(', ');
}
