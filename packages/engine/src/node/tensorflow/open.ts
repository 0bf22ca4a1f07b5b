import type { ProcessGroupOptions } from '../cluster/options.ts';
import { Binding } from './binding.ts';
import { declareLibc, declareTensorflow } from './c/api.ts';
import { openContext } from './context.ts';
import { type Preparation, prepareProcess } from './environment.ts';
import { loadTensorflow } from './load.ts';
import { Memory } from './memory.ts';

/** libtensorflow, loaded. */
export interface OpenTensorflow {
  readonly binding: Binding;
  readonly preparation: Preparation;
  readonly folder: string;
}

/**
 * Loads libtensorflow and opens its devices. @param folder It holds `libtensorflow_cc`. @param
 * cluster Other processes it computes together with.
 */
export function openTensorflow(folder: string, cluster?: ProcessGroupOptions): OpenTensorflow {
  const preparation = prepareProcess();
  const api = declareTensorflow(loadTensorflow(folder));
  const context = openContext(api, preparation.threads, cluster);
  return {
    binding: new Binding({ api, context, memory: new Memory(declareLibc()) }),
    preparation,
    folder,
  };
}
