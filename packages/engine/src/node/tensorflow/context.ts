import type { Pointer, TensorflowApi } from './c/api.ts';

/** An eager context of TensorFlow: the devices, and where ops run. It lives as long as the process. */
export interface Context {
  readonly at: Pointer;
  readonly status: Pointer;
  /** Full names: `/job:localhost/replica:0/task:0/device:CPU:0`. */
  readonly devices: readonly { readonly type: string; readonly name: string }[];
}

/** @param threads For one op. */
export function openContext(api: TensorflowApi, threads: number): Context {
  const status = api.TF_NewStatus();
  const options = api.TFE_NewContextOptions();
  const config = configProto(threads);
  api.TFE_ContextOptionsSetConfig(options, config, config.length, status);
  expectOk(api, status, 'TFE_ContextOptionsSetConfig');
  const at = api.TFE_NewContext(options, status);
  expectOk(api, status, 'TFE_NewContext');
  api.TFE_DeleteContextOptions(options);
  return { at, status, devices: listDevices(api, at, status) };
}

/** Throws TensorFlow's own message where the last call failed. @param where The call or the op. */
export function expectOk(api: TensorflowApi, status: Pointer, where: string): void {
  if (api.TF_GetCode(status) === 0) return;
  const message = api.TF_Message(status);
  api.TF_SetStatus(status, 0, '');
  throw new Error(`${where}: ${message}`);
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
 * Ops that run beside each other in a compiled function: the gradients of a filter and of its input wait for no one. One was slower for every step
 * tried (docs/decisions/engine.md).
 */
const opsAtOnce = 2;

/** tensorflow.ConfigProto { intra_op_parallelism_threads (2), inter_op_parallelism_threads (5) }. */
function configProto(threads: number): Uint8Array {
  return Uint8Array.from([0x10, ...variableLength(threads), 0x28, opsAtOnce]);
}

/** Protocol buffers' varint. */
function variableLength(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...variableLength(Math.floor(value / 0x80))];
}
