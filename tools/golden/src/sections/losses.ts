import * as tf from '@tensorflow/tfjs-core';
import type { LossCase } from '../cases/case.ts';
import { lossCases } from '../cases/index.ts';
import { difference, type Tolerance, toleranceOf, widened } from '../format/compare.ts';
import type { GoldenFile, LossEntry } from '../format/file.ts';
import type { Recorder } from '../format/report.ts';
import { type EntryInputs, inputsOf } from '../inputs/inputs.ts';

/** `losses` and `edges`: value and gradient of every entry of an implemented kind. */
export async function runLosses(file: GoldenFile, recorder: Recorder): Promise<void> {
  for (const section of ['losses', 'edges'] as const) {
    for (const entry of file[section] ?? []) {
      const kind = lossCases.find((candidate) => candidate.matches(entry));
      const unsupported =
        kind && Object.keys(entry.options).find((option) => !kind.options.includes(option));
      if (kind === undefined) recorder.skip(section, nameOf(entry.loss));
      else if (unsupported !== undefined)
        recorder.skip(section, `${nameOf(entry.loss)} with ${unsupported}`);
      else
        await recorder.check(section, entry.id, () =>
          differencesOf(
            file,
            entry,
            kind,
            widened(toleranceOf(file, entry.loss), entry.float32Error),
          ),
        );
    }
  }
}

async function differencesOf(
  file: GoldenFile,
  entry: LossEntry,
  kind: LossCase,
  tolerance: Tolerance,
): Promise<string[]> {
  const inputs = inputsOf(file, entry);
  const { value, grads } = tf.tidy(() => differentiate(entry, kind, inputs, file.losses ?? []));
  const expected = typeof entry.value === 'number' ? [entry.value] : [];
  const differences = difference('value', await value.data(), expected, tolerance.value);
  for (const [at, name] of pointsOf(entry).entries()) {
    differences.push(
      ...gradientDifference(
        entry,
        name,
        await (grads[at] as tf.Tensor).data(),
        tolerance.gradient,
        at === 0,
      ),
    );
  }
  tf.dispose([value, grads, inputs.sources]);
  return differences;
}

/**
 * Names of the inputs that the gradient is taken with respect to; the student for an edge case,
 * which names none.
 */
function pointsOf({ gradientWith }: LossEntry): readonly string[] {
  return gradientWith ?? ['student'];
}

function differentiate(
  entry: LossEntry,
  kind: LossCase,
  inputs: EntryInputs,
  entries: readonly LossEntry[],
): { value: tf.Tensor; grads: tf.Tensor[] } {
  const names = pointsOf(entry);
  const byRole = entry.gradientWith === undefined;
  const points = names.map((name) =>
    byRole ? inputs.tensor(name, inputs.sources) : (inputs.sources[name] as tf.Tensor),
  );
  const { value, grads } = tf.valueAndGrads((...moving: tf.Tensor[]) => {
    const moved = Object.fromEntries(names.map((name, at) => [name, moving[at] as tf.Tensor]));
    const from = byRole ? inputs.sources : { ...inputs.sources, ...moved };
    const tensors = (role: string): tf.Tensor[] =>
      byRole && moved[role] !== undefined ? [moved[role]] : inputs.tensors(role, from);
    return kind.value(
      entry,
      { tensors, tensor: (role) => tensors(role)[0] as tf.Tensor, roles: inputs.roles },
      entries,
    );
  })(points);
  // The gradient of an edge case is flat, in PyTorch's order of axes.
  return {
    value,
    grads: byRole
      ? grads.map((grad) => (grad.rank === 4 ? tf.transpose(grad, [0, 3, 1, 2]) : grad))
      : grads,
  };
}

function gradientDifference(
  entry: LossEntry,
  name: string,
  got: ArrayLike<number>,
  relative: number,
  first: boolean,
): string[] {
  const what = `gradient to ${name}`;
  if (entry.gradientComparable === false) return difference(what, got, [], relative);
  const expected =
    entry.gradient?.[name]?.full ??
    entry.gradient?.[name]?.first8NHWC ??
    (first ? entry.grad : undefined) ??
    [];
  const norm = entry.gradient?.[name]?.norm ?? (first ? entry.gradNorm : undefined);
  const differences = difference(what, got, expected, relative);
  if (norm === undefined || differences.length > 0) return differences;
  return difference(`norm of the ${what}`, [Math.hypot(...Array.from(got))], [norm], relative);
}

/**
 * Returns the name of a loss without its remarks: `AT` for `AT, mode code`, `FT factor transfer`
 * for `FT factor transfer (p1=2,p2=1)`.
 */
function nameOf(loss: string): string {
  return loss.split(/[,:(]/)[0]?.trim() ?? loss;
}
