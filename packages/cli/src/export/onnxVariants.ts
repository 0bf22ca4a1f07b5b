import { exportOnnx } from '@kd/export';
import { describeLayers } from './describeLayers.ts';
import { readOnnxKernels } from './storedKernels.ts';
import { type ExportChoice, listNumbers, type Numbers, type Variant } from './variant.ts';

/** Lists the ONNX files of an export. */
export function listOnnx(base: string, choice: ExportChoice): Variant[] {
  return listNumbers(choice).map(({ suffix, numbers }) =>
    onnxVariant(`${base}${suffix}.onnx`, numbers, choice),
  );
}

function onnxVariant(name: string, numbers: Numbers, choice: ExportChoice): Variant {
  const { layout, output, taps, reduceRange } = choice;
  return {
    ...numbers,
    name,
    companions: [],
    format: 'onnx',
    layout,
    output,
    hasTaps: taps,
    write({ graph, network, classNames, calibration }) {
      const bytes = exportOnnx(graph, {
        inputLayout: layout,
        output,
        taps,
        classNames,
        metadata: { preprocessing: network.preprocessing ?? 'none' },
        ...(numbers.needsCalibration
          ? { ...(calibration && { calibration }), reduceRange }
          : { weights: numbers.weights }),
      });
      const stored = readOnnxKernels(bytes, name);
      return {
        files: { [name]: bytes },
        layers: describeLayers(graph, stored, numbers.activations),
      };
    },
  };
}
