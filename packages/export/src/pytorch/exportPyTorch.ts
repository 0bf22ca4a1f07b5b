import type { Graph, Network } from '@kd/core';
import { encodeTorchWeights, type WeightValues } from '@kd/files';
import { pytorchModule } from './pytorchModule.ts';

export interface PyTorchOptions {
  /** Name of the files without their endings. Default student. */
  readonly name?: string;
  /** Names of the classes, in the module. */
  readonly classNames?: readonly string[];
}

/**
 * Writes a network for PyTorch: its weights as `<name>.safetensors`, with PyTorch's names, and for
 * our own students (studentCnn, resnet9, tutorialCnn) the source of the module as `<name>.py`.
 * Batch norm is not folded, so that training can go on. The weights of other networks load into the
 * module that the first of their key maps is for, torchvision's as a rule.
 * @param graph The network's graph, which has its preparation.
 * @throws RangeError on a weight that is not finite.
 */
export function exportPyTorch(
  network: Network,
  graph: Graph,
  { name = 'student', classNames }: PyTorchOptions = {},
): Readonly<Record<string, Uint8Array<ArrayBuffer>>> {
  const keyMap = Object.values(network.keyMaps ?? {})[0] ?? ((layer: string) => layer);
  const weights = Object.fromEntries(
    Object.entries(network.weights).map(([path, weight]): [string, WeightValues] => [
      path,
      { shape: weight.shape, values: Float32Array.from(weight.dataSync()) },
    ]),
  );
  const metadata = {
    network: network.name ?? 'network',
    preprocessing: network.preprocessing ?? '',
    ...(classNames !== undefined && { classNames: JSON.stringify(classNames) }),
  };
  const source = pytorchModule(network, graph, { name, classNames });
  return {
    [`${name}.safetensors`]: encodeTorchWeights(weights, keyMap, metadata, 'exportPyTorch'),
    ...(source !== undefined && { [`${name}.py`]: new TextEncoder().encode(source) }),
  };
}
