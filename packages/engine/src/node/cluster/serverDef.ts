import { encodeMessage, type Field } from '../tensorflow/encodeMessage.ts';
import type { ProcessGroupOptions } from './options.ts';

/**
 * tensorflow.ServerDef { cluster (1), job_name (2), task_index (3), default_session_config (4),
 * protocol (5) }.
 * @param config Fields of tensorflow.ConfigProto; who leads the group is added.
 */
export function serverDef(
  { workers, index }: ProcessGroupOptions,
  config: readonly Field[],
): Uint8Array {
  const tasks = workers.map(
    (address, task): Field => [
      2,
      [
        [1, task],
        [2, address],
      ],
    ],
  );
  const leader: Field = [16, [[1, '/job:worker/replica:0/task:0']]];
  return encodeMessage([
    [1, [[1, [[1, 'worker'], ...tasks]]]],
    [2, 'worker'],
    [3, index],
    [4, [...config, leader]],
    [5, 'grpc'],
  ]);
}
