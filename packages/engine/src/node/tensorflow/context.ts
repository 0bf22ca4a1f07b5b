import type { Pointer, TensorflowApi } from './c/api.ts';

/** An eager context of TensorFlow: the devices, and where ops run. It lives as long as the process. */
export interface Context {
  readonly at: Pointer;
  readonly status: Pointer;
  /** Full names: `/job:localhost/replica:0/task:0/device:CPU:0`. */
  readonly devices: readonly { readonly type: string; readonly name: string }[];
}

/** @param threads For one op. Ops run one after the other: a second pool only takes time from the first (3.6 % on 2 cores). */
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

/** tensorflow.ConfigProto { intra_op_parallelism_threads (2), inter_op_parallelism_threads (5): 1 }. */
function configProto(threads: number): Uint8Array {
  return Uint8Array.from([0x10, ...variableLength(threads), 0x28, 1]);
}

/** Protocol buffers' varint. */
function variableLength(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...variableLength(Math.floor(value / 0x80))];
}
