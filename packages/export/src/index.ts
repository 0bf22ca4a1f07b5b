/**
 * {@include ../README.md}
 * @module @kd/export
 */
export { runGraph, runGraphLogits } from './graph/runGraph.ts';
export { exportOnnx, type OnnxOptions } from './onnx/exportOnnx.ts';
export { exportTfjs, type TfjsOptions } from './tfjs/exportTfjs.ts';
export type { TfjsWeights } from './tfjs/manifest.ts';
