export { type ArchitectureName, architectures } from './architectures.ts';
export { configure, type Preset, type RunConfig } from './config.ts';
export { type MethodName, methodOf, methods, objectiveOf } from './methods/index.ts';
export type { Pictures } from './pictures.ts';
export { type PipelineOptions, runPipeline } from './pipeline.ts';
export { type PresetName, presets } from './presets.ts';
export type { RunRecord } from './record/runRecord.ts';
export { type Summary, summarise } from './record/summary.ts';
