import { exportLiteRt } from '@kd/export';
import { describeLayers } from './describeLayers.ts';
import { readLiteRtKernels } from './storedKernels.ts';
import { type ExportChoice, listNumbers, type Numbers, type Variant } from './variant.ts';

/** Lists the LiteRT files of an export. */
export function listLiteRt(base: string, choice: ExportChoice): Variant[] {
  return listNumbers(choice).map(({ suffix, numbers }) =>
    litertVariant(`${base}${suffix}.tflite`, numbers, choice),
  );
}

function litertVariant(name: string, numbers: Numbers, { output }: ExportChoice): Variant {
  return {
    ...numbers,
    name,
    companions: [],
    format: 'litert',
    batch: 1,
    layout: 'nhwc',
    output,
    hasTaps: false,
    write({ graph, network, classNames, calibration }) {
      const bytes = exportLiteRt(graph, {
        output,
        classNames,
        metadata: { preprocessing: network.preprocessing ?? 'none' },
        ...(numbers.needsCalibration
          ? { ...(calibration && { calibration }) }
          : { weights: numbers.weights }),
      });
      return {
        files: { [name]: bytes },
        layers: describeLayers(graph, readLiteRtKernels(bytes), numbers.activations),
      };
    },
  };
}
