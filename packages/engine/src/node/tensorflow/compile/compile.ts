import { type CompiledFunction, ensure } from '@kd/core';
import { engine, env, getBackend, type TensorContainer, Variable } from '@tensorflow/tfjs-core';
import type { Compiler } from './compiler.ts';
import { type Flat, flatten } from './containers.ts';
import type { Program } from './program.ts';
import { Programs } from './programs.ts';
import { record } from './record.ts';

type Run<Arguments extends readonly TensorContainer[], Result extends TensorContainer> = (
  ...args: Arguments
) => Result;

/**
 * `compile` of @kd/core for this backend: traces a function once per signature; from then on it is
 * one call of TensorFlow.
 */
export function compileFunction<
  Arguments extends readonly TensorContainer[],
  Result extends TensorContainer,
>(compiler: Compiler, run: Run<Arguments, Result>): CompiledFunction<Arguments, Result> {
  if (process.env.KD_COMPILE === 'off')
    return Object.assign((...args: Arguments) => run(...args), {
      later: async (...args: Arguments) => run(...args),
    });
  const programs = new Programs();
  const find = (args: Arguments): { given: Flat; program: Program } => {
    const given = flatten('compile: argument', args);
    const signature = signatureOf(compiler, given);
    const known = programs.get(signature);
    if (known !== undefined) return { given, program: known };
    const program = record(compiler, run as never, given);
    programs.add(signature, program);
    return { given, program };
  };
  const call = (...args: Arguments): Result => {
    if (mustRunInline(compiler)) return run(...args);
    const { given, program } = find(args);
    return program.call(given.tensors) as Result;
  };
  const later = async (...args: Arguments): Promise<Result> => {
    if (mustRunInline(compiler)) return run(...args);
    const { given, program } = find(args);
    return program.later(given.tensors) as Promise<Result>;
  };
  const compiled = Object.assign(call, { later });
  compiler.releaseWithout(compiled, programs);
  return compiled;
}

/**
 * Under a gradient the ops must be on the tape, in another trace in its graph, and when they are
 * profiled each for itself.
 */
function mustRunInline({ backend, binding }: Compiler): boolean {
  const { gradientDepth, profiling } = engine().state;
  const other = getBackend() !== 'tensorflow' || engine().backend !== backend;
  return (
    binding.trace !== undefined || gradientDepth > 0 || profiling || other || env().getBool('DEBUG')
  );
}

/** Structure, types and shapes; a variable stands for itself, since the function may assign it. */
function signatureOf(compiler: Compiler, { tensors, structure }: Flat): string {
  let signature = structure;
  for (const tensor of tensors) {
    ensure(
      !tensor.isDisposed,
      'compile: argument',
      'live tensors',
      `one of shape [${tensor.shape.join(', ')}] that was disposed of`,
    );
    signature +=
      tensor instanceof Variable
        ? `;variable ${tensor.id}`
        : `;${compiler.data(tensor).dtype},${tensor.shape.join()}`;
  }
  return signature;
}
