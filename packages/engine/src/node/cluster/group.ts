import type { ProcessGroup } from '@kd/core';
import * as tf from '@tensorflow/tfjs-core';
import { attributeType, dataType } from '../tensorflow/constants.ts';
import { type KernelCall, replaceKernel, run } from '../tensorflow/quick/replace.ts';
import type { Trace } from '../tensorflow/trace/trace.ts';
import type { ProcessGroupOptions } from './options.ts';

/** All processes are in one group, the first that there is. */
const groupKey = 1;

/**
 * Makes the processes of a cluster a group: its sums are TensorFlow's `CollectiveReduceV2`, at once
 * or as a node of a compiled function.
 */
export function makeGroup({
  workers,
  index,
  timeoutSeconds,
}: Required<ProcessGroupOptions>): ProcessGroup {
  const size = workers.length;
  const instances = new Instances();
  replaceKernel('KdGroupSum', () => ({ inputs, backend }: KernelCall) => {
    const { x } = inputs as { x: tf.Tensor };
    const attributes = [
      { name: 'T', type: attributeType.type, value: dataType[x.dtype] },
      { name: 'merge_op', type: attributeType.string, value: 'Add' },
      { name: 'final_op', type: attributeType.string, value: 'Id' },
      { name: 'communication_hint', type: attributeType.string, value: 'ring' },
      { name: 'timeout_seconds', type: attributeType.float, value: timeoutSeconds },
      { name: 'is_stateless', type: attributeType.bool, value: false },
      { name: 'Nordering_token', type: attributeType.int, value: 0 },
    ];
    const numbers = [size, groupKey, instances.keyOf(x, backend.binding.trace)].map((value) =>
      tf.scalar(value, 'int32'),
    );
    const sum = backend.executeSingleOutput('CollectiveReduceV2', attributes, [x, ...numbers]);
    tf.dispose(numbers);
    return sum;
  });
  return {
    rank: index,
    size,
    allReduceSum: (tensor) => run('KdGroupSum', { x: tensor }) as typeof tensor,
  };
}

/**
 * Numbers by which the processes know which sum is which: one for each shape, for TensorFlow holds
 * the shape against that of the last time.
 */
class Instances {
  readonly #inTrace = new WeakMap<Trace, number>();

  /**
   * In a compiled function a number for each sum, since nothing orders those that do not depend on
   * each other.
   */
  keyOf({ shape, dtype }: tf.TensorInfo, trace: Trace | undefined): number {
    if (trace === undefined) return hash(`${dtype} ${shape}`);
    const ordinal = this.#inTrace.get(trace) ?? 0;
    this.#inTrace.set(trace, ordinal + 1);
    return hash(`${dtype} ${shape} compiled ${ordinal}`);
  }
}

/** FNV-1a, 31 bits: the same number in every process, whatever each of them has computed before. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value & 0x7fffffff;
}
