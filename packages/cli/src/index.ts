export { type ArchitectureName, architectures } from './architectures.ts';
export { configure, type Preset, type RunConfig } from './config.ts';
export { type MethodName, methodOf, methods, objectiveOf } from './methods/index.ts';
export { choosePictures, type Pictures } from './pictures.ts';
export { type PipelineOptions, runPipeline } from './pipeline.ts';
export { type PresetName, presets } from './presets.ts';
export { efficientNetLite0Weights } from './pretrained/efficientNetLite0Weights.ts';
export { newRecord } from './record/newRecord.ts';
export { type RunRecord, readRecord } from './record/run.ts';
