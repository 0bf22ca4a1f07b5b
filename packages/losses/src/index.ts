/**
 * {@include ../README.md}
 * @module @kd/losses
 */
export { combine } from './combine.ts';
export {
  type ContrastLossOptions,
  type CrdOptions,
  contrastLossPerExample,
  crd,
} from './contrast/crd.ts';
export {
  type InfoNceEmbeddings,
  type InfoNceOptions,
  infoNce,
  infoNcePerExample,
} from './contrast/infoNce.ts';
export {
  type NegativeQuery,
  type NegativeSampler,
  otherClassNegatives,
  uniformNegatives,
} from './contrast/negatives.ts';
export {
  type ActivationBoundariesOptions,
  activationBoundaries,
  activationBoundariesPerExample,
} from './features/activationBoundaries.ts';
export {
  type FactorTransferOptions,
  factorTransfer,
  factorTransferPerExample,
} from './features/factorTransfer.ts';
export { type HintsOptions, hints, hintsPerExample } from './features/hints.ts';
export {
  channelMask,
  type Mask,
  type MgdOptions,
  mgd,
  mgdPerExample,
  spatialMask,
} from './features/mgd.ts';
export { type OfdOptions, type OfdPair, ofd, ofdMargin, ofdPerExample } from './features/ofd.ts';
export {
  type AttentionFusion,
  type AttentionFusionOptions,
  attentionFusion,
  hierarchicalContextPerExample,
  type ReviewOptions,
  review,
} from './features/review.ts';
export {
  type FeatureLists,
  type SemCkdOptions,
  semCkd,
  semCkdPerExample,
} from './features/semCkd.ts';
export { simKd } from './features/simKd.ts';
export {
  type ClassifierHead,
  classifierHead,
  type SrrlOptions,
  type SrrlWeights,
  srrl,
  srrlPerExample,
} from './features/srrl.ts';
export {
  type VidOptions,
  vid,
  vidPerExample,
} from './features/vid.ts';
export {
  balancedClassWeights,
  type CrossEntropyOptions,
  crossEntropy,
  crossEntropyPerExample,
} from './logits/crossEntropy.ts';
export { type CsKdOptions, csKd, csKdPerExample } from './logits/csKd.ts';
export {
  type CtkdOptions,
  ctkd,
  ctkdPerExample,
  gradientReversalSchedule,
  type TemperatureRange,
} from './logits/ctkd.ts';
export { type DistOptions, dist, distBatchwise } from './logits/dist.ts';
export {
  type DecoupledDivergence,
  type DkdOptions,
  decoupledDivergence,
  dkd,
  dkdPerExample,
} from './logits/dkd.ts';
export {
  type LogitStandardizationOptions,
  logitStandardization,
  standardizeLogits,
} from './logits/logitStandardization.ts';
export { logitsMse, logitsMsePerExample } from './logits/logitsMse.ts';
export {
  type MlkdOptions,
  type MlkdParts,
  mlkd,
  mlkdParts,
  type ViewLogits,
} from './logits/mlkd.ts';
export { type NkdOptions, nkd, nkdPerExample } from './logits/nkd.ts';
export {
  type PreviousEpochTargetsOptions,
  previousEpochTargets,
} from './logits/previousEpochTargets.ts';
export {
  batchCorrelation,
  batchCorrelationBatchwise,
  type CorrelationOptions,
  classCorrelation,
  classCorrelationBatchwise,
} from './logits/probabilityCorrelation.ts';
export { psKd, psKdAlpha, psKdPerExample } from './logits/psKd.ts';
export { softTargets, softTargetsPerExample } from './logits/softTargets.ts';
export {
  type TutorialLossOptions,
  tutorialLoss,
  tutorialLossPerExample,
} from './logits/tutorialLoss.ts';
export { type UskdOptions, type UskdWeights, uskd, uskdBatchwise } from './logits/uskd.ts';
export {
  type VirtualTeacherOptions,
  virtualTeacher,
  virtualTeacherPerExample,
} from './logits/virtualTeacher.ts';
export { type WsldOptions, wsld, wsldPerExample } from './logits/wsld.ts';
export {
  type AttentionTransferOptions,
  attentionTransfer,
  attentionTransferPerExample,
} from './relations/attentionTransfer.ts';
export {
  type CorrelationCongruenceOptions,
  correlationCongruence,
  correlationCongruenceBatchwise,
  type TaylorKernel,
} from './relations/correlationCongruence.ts';
export { cwd, cwdPerExample } from './relations/cwd.ts';
export { fsp, fspPerExample } from './relations/fsp.ts';
export { type IckdOptions, ickd, ickdPerExample } from './relations/ickd.ts';
export {
  type GraphFeatures,
  type IrgFeatures,
  type IrgOptions,
  irg,
  irgBatchwise,
} from './relations/irg.ts';
export {
  type IrgEdgesFeatures,
  type IrgEdgesOptions,
  irgEdges,
  irgEdgesBatchwise,
} from './relations/irgEdges.ts';
export { type KdSvdOptions, kdSvd, kdSvdPerExample } from './relations/kdSvd.ts';
export { nst, nstPerExample } from './relations/nst.ts';
export { type PkdOptions, pkd, pkdBatchwise } from './relations/pkd.ts';
export { type PktOptions, pkt, pktBatchwise } from './relations/pkt.ts';
export { type RkdOptions, rkd, rkdBatchwise } from './relations/rkd.ts';
export {
  similarityPreserving,
  similarityPreservingBatchwise,
} from './relations/similarityPreserving.ts';
export { type FeaturePair, type FeatureRef, featureRef } from './shared/features.ts';
export { klDivergencePerExample } from './shared/klDivergence.ts';
export type { Regressor } from './shared/projector.ts';
export {
  type Projector,
  type ProjectorLayer,
  type ProjectorOptions,
  projector,
} from './shared/projector.ts';
export { weighted } from './weighted.ts';
