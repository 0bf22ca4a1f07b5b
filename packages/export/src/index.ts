/**
 * {@include ../README.md}
 * @module @kd/export
 */
export { exportOnnx, type OnnxOptions } from './onnx/exportOnnx.ts';
