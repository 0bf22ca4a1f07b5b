export { type Conclusion, conclude } from './conclusion.ts';
export { besides } from './footnotes.ts';
export { bytes, count, duration, grouped, lessonName, percent, percentSpread } from './format.ts';
export { reportPage } from './page/page.ts';
export type { Answers } from './page/predictions.ts';
export {
  type Actor,
  type DataRecord,
  type DistillationRecord,
  type EngineRecord,
  type EnvironmentRecord,
  type EpochRecord,
  type EvaluationRecord,
  type ExperimentRecord,
  featuresStage,
  type Learner,
  type OptimizerRecord,
  type RecordingRecord,
  type ResultRecord,
  type RunRecord,
  type SetRecord,
  stageName,
  type TrainingChoiceRecord,
  type TrainingRecord,
  type ViewsRecord,
} from './runRecord.ts';
export { type ActorSummary, type Spread, type Summary, spread, summarize } from './summary.ts';
export { actorTitles, columns, table } from './table.ts';
