import { listLiteRt } from './litertVariants.ts';
import { listOnnx } from './onnxVariants.ts';
import { listTfjs } from './tfjsVariants.ts';
import { listTorch } from './torchVariants.ts';
import type { ExportChoice, Variant } from './variant.ts';

/**
 * Lists the files of an export.
 * @param base Name of the network: `student`.
 */
export function listVariants(base: string, choice: ExportChoice): Variant[] {
  return choice.formats.flatMap((format) => {
    switch (format) {
      case 'onnx':
        return listOnnx(base, choice);
      case 'litert':
        return listLiteRt(base, choice);
      case 'tfjs':
        return listTfjs(choice);
      case 'safetensors':
        return listTorch(base);
      default:
        return format satisfies never;
    }
  });
}
