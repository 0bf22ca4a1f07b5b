export type { Chart } from './charts/axes.ts';
export { calibrationChart } from './charts/calibration.ts';
export { confusionChart } from './charts/confusion.ts';
export { type Curve, type CurvesOptions, curvesChart } from './charts/curves.ts';
/**
 * {@include ../README.md}
 * @module @kd/report
 */
export {
  type DataInspectionRecord,
  dataInspectionFormat,
  formatDataInspection,
  type ImageSizeRecord,
  type PictureRecord,
  type SplitInspectionRecord,
  type SplitName,
  type TallyRecord,
} from './dataInspection.ts';
export {
  describeData,
  describeDuplicates,
  describeSample,
  describeSizes,
  formatChannels,
} from './describeData.ts';
export {
  type CalibrationRecord,
  type ChangedAnswer,
  type ChangedPicture,
  type ExportCheck,
  type ExportedFile,
  type ExportedLayer,
  type ExportedNetwork,
  type ExportRecord,
  exportRecordFormat,
  formatExportRecord,
  type MissingCheck,
  type NumberKind,
  type RefusedFile,
} from './exportRecord.ts';
export {
  formatCount,
  formatMethod,
  formatSpread,
  formatTable,
  resultColumns,
  resultTable,
  roleTitles,
} from './format.ts';
export { renderDataPage } from './page/dataPage.ts';
export { describeExport, formatMilliseconds, renderExportPage } from './page/exportPage.ts';
export { renderReport } from './page/page.ts';
export { pngDataUri } from './page/png.ts';
export { stylesheet } from './page/stylesheet.ts';
export { parseDataInspection } from './parseDataInspection.ts';
export { parseExportRecord } from './parseExportRecord.ts';
export { parseRunRecord } from './parseRunRecord.ts';
export type { Predictions } from './predictions.ts';
export {
  type AugmentationRecord,
  type CacheRecord,
  type ChoiceRecord,
  type DataRecord,
  type DatasetRecord,
  type DistillationRecord,
  type EngineRecord,
  type EnvironmentRecord,
  type EpochRecord,
  type EvaluationRecord,
  type ExperimentRecord,
  formatRunRecord,
  type MetricsRecord,
  type NetworkRecord,
  type OptimizerRecord,
  type ResultRecord,
  type Role,
  type RunRecord,
  runRecordFormat,
  stageName,
  type TrainedRole,
  type TrainingRecord,
} from './runRecord.ts';
export { footnotes, type GainSummary, summarizeGain } from './sentences.ts';
export { type NetworkSummary, type Spread, type Summary, spread, summarize } from './summary.ts';
