import type { Pointer, Signatures } from './types.ts';

/** Collectives between processes. */
export interface ClusterApi {
  TFE_EnableCollectiveOps(
    context: Pointer,
    serverDef: Uint8Array,
    length: number,
    status: Pointer,
  ): void;
  TFE_AbortCollectiveOps(context: Pointer, status: Pointer): void;
}

export const clusterSignatures: Signatures<ClusterApi> = {
  TFE_EnableCollectiveOps: 'vpdpp',
  TFE_AbortCollectiveOps: 'vpp',
};
