import { exportTfjs } from '@kd/export';
import { describeLayers } from './describeLayers.ts';
import { readTfjsKernels } from './storedKernels.ts';
import {
  type ExportChoice,
  float16,
  float32,
  int8Weights,
  type Numbers,
  type Variant,
} from './variant.ts';

/** Lists the TensorFlow.js models of an export, a directory each. */
export function listTfjs(choice: ExportChoice): Variant[] {
  const base = choice.layers ? 'tfjs-layers' : 'tfjs';
  return [
    tfjsVariant(`${base}/`, float32, 'float32', choice),
    ...(choice.float16 ? [tfjsVariant(`${base}-float16/`, float16, 'float16', choice)] : []),
    ...(choice.int8 ? [tfjsVariant(`${base}-int8/`, int8Weights, 'uint8', choice)] : []),
  ];
}

function tfjsVariant(
  name: string,
  numbers: Numbers,
  weights: 'float32' | 'float16' | 'uint8',
  { output, taps, layers: isLayers }: ExportChoice,
): Variant {
  return {
    ...numbers,
    name,
    companions: [],
    format: 'tfjs',
    layout: 'nhwc',
    output,
    hasTaps: taps,
    write({ graph, network, classNames }) {
      const parts = exportTfjs(graph, {
        format: isLayers ? 'layers' : 'graph',
        weights,
        output,
        taps,
        classNames,
        metadata: { preprocessing: network.preprocessing ?? 'none' },
      });
      const stored = readTfjsKernels(parts['model.json'] as Uint8Array);
      return {
        files: Object.fromEntries(
          Object.entries(parts).map(([part, bytes]) => [`${name}${part}`, bytes]),
        ),
        layers: describeLayers(graph, stored, numbers.activations),
      };
    },
  };
}
