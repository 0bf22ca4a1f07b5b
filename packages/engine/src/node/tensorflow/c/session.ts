import type { Pointer, Signatures } from './types.ts';

/** Sessions: they run nodes of a graph and tell how it went. */
export interface SessionApi {
  TF_NewSessionOptions(): Pointer;
  TF_DeleteSessionOptions(options: Pointer): void;
  TF_NewSession(graph: Pointer, options: Pointer, status: Pointer): Pointer;
  TF_SessionRun(
    session: Pointer,
    runOptions: Pointer,
    inputs: Pointer,
    inputValues: Pointer,
    inputCount: number,
    outputs: Pointer,
    outputValues: Pointer,
    outputCount: number,
    targets: Pointer,
    targetCount: number,
    metadata: Pointer,
    status: Pointer,
  ): void;
}

export const sessionSignatures: Signatures<SessionApi> = {
  TF_NewSessionOptions: 'p',
  TF_DeleteSessionOptions: 'vp',
  TF_NewSession: 'pppp',
  TF_SessionRun: 'vppppippipipp',
};
