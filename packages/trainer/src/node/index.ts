/** @module @kd/trainer/node */
export { type DistillOptions, distill } from './distill.ts';
export type {
  DisposableTeacher,
  ImagePreprocessor,
  OutputKind,
} from './external/externalTeacher.ts';
export { type LogitsTeacherOptions, logitsTeacher } from './external/logitsTeacher.ts';
export { type OnnxTeacher, type OnnxTeacherOptions, onnxTeacher } from './external/onnxTeacher.ts';
export { type TfjsTeacherOptions, tfjsTeacher } from './external/tfjsTeacher.ts';
export { type FitOptions, fit } from './fit.ts';
export type { TrainingOptions, TrainingResult } from './runTraining.ts';
