import { hashName, type ProcessGroup } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Runtime } from '../tensorflow/capi/runtime.ts';
import { attributeType, dataType } from '../tensorflow/capi/types.ts';
import {
  intAttribute,
  replaceNodeKernel,
  runKernel,
  typeAttribute,
} from '../tensorflow/kernels/replaceKernel.ts';
import type { Trace } from '../tensorflow/trace/tracer.ts';
import type { ProcessGroupOptions } from './options.ts';

/** TF_CANCELLED. */
const cancelled = 1;

/**
 * Creates the group of a context that was opened with these processes, and aborts its collectives
 * when this process exits: a sum that still waits for the others would keep it alive forever.
 */
export function initProcessGroup(
  { api, context }: Runtime,
  options: Required<ProcessGroupOptions>,
): ProcessGroup {
  process.on('exit', () => {
    const status = api.TF_NewStatus();
    api.TF_SetStatus(status, cancelled, `process ${options.index} of the group ends`);
    api.TFE_AbortCollectiveOps(context.at, status);
  });
  return createProcessGroup(options);
}

/** Waits until every process has called it. @throws Error after the group's timeout. */
export async function barrier({ size, allReduceSum }: ProcessGroup): Promise<void> {
  const counted = tf.tidy(() => allReduceSum(tf.ones([1])));
  const [processes] = await counted.data();
  counted.dispose();
  if (processes !== size)
    throw new Error(`startEngine: expected ${size} processes in the group, got ${processes}.`);
}

/** All processes are in one group, TensorFlow's first. */
const groupKey = 1;

/**
 * Creates a group whose sums are TensorFlow's `CollectiveReduceV2`, run at once or as a node of a
 * compiled function.
 */
function createProcessGroup({
  workers,
  index,
  timeoutSeconds,
}: Required<ProcessGroupOptions>): ProcessGroup {
  const size = workers.length;
  const keys = new CollectiveKeys();
  replaceNodeKernel('KdGroupSum', () => ({ inputs, backend }) => {
    const { x } = inputs as { x: tf.Tensor };
    const attributes = [
      typeAttribute('T', dataType[x.dtype]),
      { name: 'merge_op', type: attributeType.string, value: 'Add' },
      { name: 'final_op', type: attributeType.string, value: 'Id' },
      { name: 'communication_hint', type: attributeType.string, value: 'ring' },
      { name: 'timeout_seconds', type: attributeType.float, value: timeoutSeconds },
      { name: 'is_stateless', type: attributeType.bool, value: false },
      intAttribute('Nordering_token', 0),
    ];
    const numbers = [size, groupKey, keys.instanceKey(x, backend.binding.trace)].map((value) =>
      tf.scalar(value, 'int32'),
    );
    const sum = backend.executeSingleOutput('CollectiveReduceV2', attributes, [x, ...numbers]);
    tf.dispose(numbers);
    return sum;
  });
  return {
    rank: index,
    size,
    allReduceSum: (tensor) => runKernel('KdGroupSum', { x: tensor }) as typeof tensor,
  };
}

/**
 * Instance keys, by which the processes match their sums: one for each shape, since TensorFlow
 * requires that an instance keeps its shape.
 */
class CollectiveKeys {
  readonly #sumsInTrace = new WeakMap<Trace, number>();

  /**
   * In a compiled function each sum has a key of its own: sums that do not depend on each other run
   * in any order.
   */
  instanceKey({ shape, dtype }: tf.TensorInfo, trace: Trace | undefined): number {
    if (trace === undefined) return hash31(`${dtype} ${shape}`);
    const ordinal = this.#sumsInTrace.get(trace) ?? 0;
    this.#sumsInTrace.set(trace, ordinal + 1);
    return hash31(`${dtype} ${shape} compiled ${ordinal}`);
  }
}

/** A positive int32: the same in every process, whatever each of them has computed before. */
function hash31(text: string): number {
  return hashName(text) & 0x7fffffff;
}
