/**
 * {@include ../README.md}
 * @module @kd/export
 */
export { runGraph, runGraphLogits } from './graph/runGraph.ts';
export { exportOnnx, type OnnxOptions } from './onnx/exportOnnx.ts';
