import { encodeProtobuf, type ProtobufValue } from '@kd/files';
import type { TensorflowApi } from './api.ts';
import type { Pointer } from './types.ts';

/**
 * An eager context of TensorFlow: the devices, and the place where ops run. It lives as long as
 * the process.
 */
export interface Context {
  readonly at: Pointer;
  readonly status: Pointer;
  /** Full names: `/job:localhost/replica:0/task:0/device:CPU:0`. */
  readonly devices: readonly { readonly type: string; readonly name: string }[];
}

/** The processes of a group, as `host:port`, and the index of this one. */
export interface Cluster {
  readonly workers: readonly string[];
  readonly index: number;
}

/**
 * Opens a context. @param threads Threads of one op. @param cluster The processes that compute
 * together: with it, this process listens on its port from now on.
 */
export function openContext(api: TensorflowApi, threads: number, cluster?: Cluster): Context {
  const status = api.TF_NewStatus();
  const options = api.TFE_NewContextOptions();
  const config = encodeProtobuf(configFields(threads));
  api.TFE_ContextOptionsSetConfig(options, config, config.length, status);
  assertOk(api, status, 'TFE_ContextOptionsSetConfig');
  const at = api.TFE_NewContext(options, status);
  assertOk(api, status, 'TFE_NewContext');
  api.TFE_DeleteContextOptions(options);
  if (cluster !== undefined) {
    const server = encodeServerDef(cluster, configFields(threads));
    api.TFE_EnableCollectiveOps(at, server, server.length, status);
    assertOk(api, status, 'TFE_EnableCollectiveOps');
  }
  return { at, status, devices: listDevices(api, at, status) };
}

function listDevices(api: TensorflowApi, context: Pointer, status: Pointer): Context['devices'] {
  const list = api.TFE_ContextListDevices(context, status);
  assertOk(api, status, 'TFE_ContextListDevices');
  const devices = Array.from({ length: api.TF_DeviceListCount(list) }, (_, index) => ({
    type: api.TF_DeviceListType(list, index, status),
    name: api.TF_DeviceListName(list, index, status),
  }));
  api.TF_DeleteDeviceList(list);
  return devices;
}

/**
 * Ops that run at the same time in a compiled function: the gradients of a filter and of its input
 * do not depend on each other. One at a time was slower for every step tried
 * (docs/decisions/engine.md).
 */
const interOpThreads = 2;

/**
 * tensorflow.ConfigProto { intra_op_parallelism_threads (2), inter_op_parallelism_threads (5) }.
 */
function configFields(threads: number): ProtobufValue[] {
  return [
    [2, threads],
    [5, interOpThreads],
  ];
}

/**
 * tensorflow.ServerDef { cluster (1), job_name (2), task_index (3), default_session_config (4),
 * protocol (5) }.
 * @param config Fields of tensorflow.ConfigProto; the leader of the group is added.
 */
function encodeServerDef(
  { workers, index }: Cluster,
  config: readonly ProtobufValue[],
): Uint8Array {
  const tasks = workers.map(
    (address, task): ProtobufValue => [
      2,
      [
        [1, task],
        [2, address],
      ],
    ],
  );
  const leader: ProtobufValue = [16, [[1, '/job:worker/replica:0/task:0']]];
  return encodeProtobuf([
    [1, [[1, [[1, 'worker'], ...tasks]]]],
    [2, 'worker'],
    [3, index],
    [4, [...config, leader]],
    [5, 'grpc'],
  ]);
}

/** @throws Error with TensorFlow's message if the last call failed. @param caller The call or op. */
export function assertOk(api: TensorflowApi, status: Pointer, caller: string): void {
  if (api.TF_GetCode(status) === 0) return;
  const message = api.TF_Message(status);
  api.TF_SetStatus(status, 0, '');
  throw new Error(`${caller}: ${explainCollectiveError(message) ?? message}`);
}

/** A text for an error about the processes of a group; undefined for any other message. */
function explainCollectiveError(message: string): string | undefined {
  if (!message.includes('Collective')) return undefined;
  const [first = message] = message
    .replaceAll(/Collective ops is aborted by: |\{\{\w+ [^}]*\}\} ?/g, '')
    .split('\n');
  return (
    `expected every process of the group to take part, got ${first.replace(/\.$/, '')}; one of them has ended, does not answer or does something else: ` +
    'see its output, and start the group anew (a training goes on with resume)'
  );
}
