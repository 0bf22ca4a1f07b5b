import { loadLibrary } from '../../library/loadLibrary.ts';
import { applyProcessSettings, type ProcessSettings } from '../../library/processSettings.ts';
import { declareLibc, declareTensorflow, type TensorflowApi } from './api.ts';
import { type Cluster, type Context, openContext } from './context.ts';
import { ScratchArena } from './scratchArena.ts';

/** libtensorflow, loaded: what stays the same as long as the process lives. */
export interface Runtime {
  readonly api: TensorflowApi;
  readonly context: Context;
  readonly memory: ScratchArena;
}

/**
 * Loads libtensorflow and opens its devices. @param directory Holds `libtensorflow_cc`.
 * @param cluster Processes that it computes together with.
 */
export function openRuntime(
  directory: string,
  cluster?: Cluster,
): { readonly runtime: Runtime; readonly settings: ProcessSettings } {
  const settings = applyProcessSettings();
  const api = declareTensorflow(loadLibrary(directory));
  const context = openContext(api, settings.threads, cluster);
  return { runtime: { api, context, memory: new ScratchArena(declareLibc()) }, settings };
}
