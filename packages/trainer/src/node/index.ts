export { type DistillOptions, distill } from './distill.ts';
export { type LogitsTeacherOptions, logitsTeacher } from './elsewhere/logitsTeacher.ts';
export { type OnnxTeacherOptions, onnxTeacher } from './elsewhere/onnxTeacher.ts';
export { type TfjsTeacherOptions, tfjsTeacher } from './elsewhere/tfjsTeacher.ts';
export { type FitOptions, fit } from './fit.ts';
export type { TrainingOptions, TrainingResult } from './follow.ts';
