import { exportPyTorch } from '@kd/export';
import { describeLayers } from './describeLayers.ts';
import { float32, type Variant } from './variant.ts';

/** Lists the weights of an export for PyTorch, with the module that they are for. */
export function listTorch(base: string): Variant[] {
  return [torchVariant(base)];
}

function torchVariant(base: string): Variant {
  const name = `${base}.safetensors`;
  return {
    ...float32,
    name,
    companions: [`${base}.py`],
    format: 'safetensors',
    layout: 'nchw',
    output: 'logits',
    hasTaps: false,
    write({ graph, outside, network, classNames }) {
      // A module of PyTorch takes images that are resized.
      const resizes = graph.nodes.some(({ kind }) => kind === 'resize' || kind === 'crop');
      const files = exportPyTorch(network, resizes ? outside : graph, { name: base, classNames });
      return {
        files,
        layers: describeLayers(graph, new Map(), 'float32'),
        ...(resizes && { preparation: 'outside' }),
        ...(files[`${base}.py`] === undefined && {
          notRun: `no module is written for ${network.name ?? 'this network'}: its weights have the names of the usual one`,
        }),
      };
    },
  };
}
