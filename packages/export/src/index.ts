/**
 * {@include ../README.md}
 * @module @kd/export
 */
export { runGraph, runGraphLogits } from './graph/runGraph.ts';
export { exportLiteRt, type LiteRtOptions } from './litert/exportLiteRt.ts';
export type { LiteRtWeights } from './litert/kernels.ts';
export { exportOnnx, type OnnxOptions } from './onnx/exportOnnx.ts';
export { exportPyTorch, type PyTorchOptions } from './pytorch/exportPyTorch.ts';
export { type Calibration, type CalibrationOptions, calibrate } from './quantization/calibrate.ts';
export { correctBias } from './quantization/correctBias.ts';
export {
  type QuantizedKernel,
  type QuantizeKernelOptions,
  quantizeKernel,
} from './quantization/quantizeKernel.ts';
export { exportTfjs, type TfjsOptions } from './tfjs/exportTfjs.ts';
export type { TfjsWeights } from './tfjs/manifest.ts';
