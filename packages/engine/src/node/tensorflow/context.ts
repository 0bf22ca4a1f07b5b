import { explainCollective } from '../cluster/explain.ts';
import type { ProcessGroupOptions } from '../cluster/options.ts';
import { serverDef } from '../cluster/serverDef.ts';
import type { Pointer, TensorflowApi } from './c/api.ts';
import { encodeMessage, type Field } from './encodeMessage.ts';

/**
 * An eager context of TensorFlow: the devices, and where ops run. It lives as long as the process.
 */
export interface Context {
  readonly at: Pointer;
  readonly status: Pointer;
  /** Full names: `/job:localhost/replica:0/task:0/device:CPU:0`. */
  readonly devices: readonly { readonly type: string; readonly name: string }[];
}

/**
 * @param threads For one op. @param cluster The processes it computes together with: it listens on
 * its port from now on.
 */
export function openContext(
  api: TensorflowApi,
  threads: number,
  cluster?: ProcessGroupOptions,
): Context {
  const status = api.TF_NewStatus();
  const options = api.TFE_NewContextOptions();
  const config = encodeMessage(configOf(threads));
  api.TFE_ContextOptionsSetConfig(options, config, config.length, status);
  expectOk(api, status, 'TFE_ContextOptionsSetConfig');
  const at = api.TFE_NewContext(options, status);
  expectOk(api, status, 'TFE_NewContext');
  api.TFE_DeleteContextOptions(options);
  if (cluster !== undefined) {
    const server = serverDef(cluster, configOf(threads));
    api.TFE_EnableCollectiveOps(at, server, server.length, status);
    expectOk(api, status, 'TFE_EnableCollectiveOps');
  }
  return { at, status, devices: listDevices(api, at, status) };
}

/** Throws TensorFlow's own message where the last call failed. @param caller The call or the op. */
export function expectOk(api: TensorflowApi, status: Pointer, caller: string): void {
  if (api.TF_GetCode(status) === 0) return;
  const message = api.TF_Message(status);
  api.TF_SetStatus(status, 0, '');
  throw new Error(`${caller}: ${explainCollective(message) ?? message}`);
}

function listDevices(api: TensorflowApi, context: Pointer, status: Pointer): Context['devices'] {
  const list = api.TFE_ContextListDevices(context, status);
  expectOk(api, status, 'TFE_ContextListDevices');
  const devices = Array.from({ length: api.TF_DeviceListCount(list) }, (_, index) => ({
    type: api.TF_DeviceListType(list, index, status),
    name: api.TF_DeviceListName(list, index, status),
  }));
  api.TF_DeleteDeviceList(list);
  return devices;
}

/**
 * Ops that run beside each other in a compiled function: the gradients of a filter and of its input
 * wait for no one. One was slower for every step
 * tried (docs/decisions/engine.md).
 */
const opsAtOnce = 2;

/**
 * tensorflow.ConfigProto { intra_op_parallelism_threads (2), inter_op_parallelism_threads (5) }.
 */
function configOf(threads: number): Field[] {
  return [
    [2, threads],
    [5, opsAtOnce],
  ];
}
