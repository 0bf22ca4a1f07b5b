import type { Pointer, Signatures } from './types.ts';

/** tensorflow/c/c_api_experimental.h: collectives between processes. */
export interface ExperimentalApi {
  TFE_EnableCollectiveOps(
    context: Pointer,
    serverDef: Uint8Array,
    length: number,
    status: Pointer,
  ): void;
  TFE_AbortCollectiveOps(context: Pointer, status: Pointer): void;
}

export const experimentalSignatures: Signatures<ExperimentalApi> = {
  TFE_EnableCollectiveOps: 'vpdpp',
  TFE_AbortCollectiveOps: 'vpp',
};
