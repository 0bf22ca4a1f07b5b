export { combine } from './combine.ts';
export { type ContrastLossOptions, contrastLossPerExample } from './contrast/contrastLoss.ts';
export { type CrdOptions, crd } from './contrast/crd.ts';
export { type InfoNceOptions, type InfoNceRows, infoNce, infoNcePerExample } from './contrast/infoNce.ts';
export { anyPicture, type NegativeSampler, type NegativesWanted, otherClasses } from './contrast/negatives.ts';
export { type CrossEntropyOptions, crossEntropy, crossEntropyPerExample } from './crossEntropy.ts';
export { type ActivationBoundariesOptions, activationBoundaries, activationBoundariesPerExample } from './features/activationBoundaries.ts';
export { type Classifier, classifierOf } from './features/classifier.ts';
export { type Connector, type ConnectorLayer, type ConnectorOptions, connector } from './features/connector.ts';
export { type FactorTransferOptions, factorTransfer, factorTransferPerExample } from './features/factorTransfer.ts';
export { type FusionBlock, type FusionBlockOptions, fusionBlock } from './features/fusionBlock.ts';
export { hierarchicalContextPerExample } from './features/hierarchicalContext.ts';
export { type HintsOptions, hints, hintsPerExample } from './features/hints.ts';
export {
  type Mask,
  type MaskedGenerationOptions,
  maskedChannels,
  maskedGeneration,
  maskedGenerationPerExample,
  maskedPlaces,
} from './features/maskedGeneration.ts';
export { type OverhaulOptions, type OverhaulPair, overhaul, overhaulPerExample } from './features/overhaul.ts';
export { overhaulMargin } from './features/overhaulMargin.ts';
export type { Regressor } from './features/regressors.ts';
export { type ReviewOptions, review } from './features/review.ts';
export {
  type SemanticCalibrationOptions,
  semanticCalibration,
  semanticCalibrationPerExample,
  type TapLists,
} from './features/semanticCalibration.ts';
export { simKd } from './features/simKd.ts';
export { type SrrlOptions, type SrrlWeights, srrl, srrlPerExample } from './features/srrl.ts';
export {
  type VariationalInformationOptions,
  variationalInformation,
  variationalInformationPerExample,
} from './features/variationalInformation.ts';
export { klDivergencePerExample } from './klDivergence.ts';
export { type ClassWiseOptions, classWise, classWisePerExample } from './logits/classWise.ts';
export {
  type CurriculumTemperatureOptions,
  curriculumTemperature,
  curriculumTemperaturePerExample,
  reversal,
  type TemperatureRange,
} from './logits/curriculumTemperature.ts';
export { type DistOptions, dist, distOfBatch } from './logits/dist.ts';
export { type DecoupledDivergence, type DkdOptions, decoupledDivergence, dkd, dkdPerExample } from './logits/dkd.ts';
export { logitStandardisation, type StandardisationOptions, standardisedLogits } from './logits/logitStandardisation.ts';
export { meanSquaredLogits, meanSquaredLogitsPerExample } from './logits/meanSquaredLogits.ts';
export { type LogitsOfView, type MultiLevelOptions, type MultiLevelParts, multiLevelLogits, multiLevelParts } from './logits/multiLevelLogits.ts';
export { type NkdOptions, nkd, nkdPerExample } from './logits/nkd.ts';
export { type PastSelfOptions, pastSelf } from './logits/pastSelf.ts';
export {
  batchCorrelation,
  batchCorrelationOfBatch,
  type CorrelationOptions,
  classCorrelation,
  classCorrelationOfBatch,
} from './logits/probabilityCorrelation.ts';
export { pskd, pskdAlpha, pskdPerExample } from './logits/pskd.ts';
export { type UskdOptions, type UskdWeights, uskd, uskdOfBatch } from './logits/uskd.ts';
export { type VirtualTeacherOptions, virtualTeacher, virtualTeacherPerExample } from './logits/virtualTeacher.ts';
export { type WsldOptions, wsld, wsldPerExample } from './logits/wsld.ts';
export { type AttentionTransferOptions, attentionTransfer, attentionTransferPerExample } from './relations/attentionTransfer.ts';
export { channelWise, channelWisePerExample } from './relations/channelWise.ts';
export {
  type CorrelationCongruenceOptions,
  correlationCongruence,
  correlationCongruenceOfBatch,
  type TaylorKernel,
} from './relations/correlationCongruence.ts';
export { type EdgeGraphOptions, type EdgeGraphTaps, edgeGraph, edgeGraphOfBatch } from './relations/edgeGraph.ts';
export { flowOfSolution, flowOfSolutionPerExample } from './relations/flowOfSolution.ts';
export {
  type GraphFeatures,
  type InstanceGraphOptions,
  type InstanceGraphTaps,
  instanceGraph,
  instanceGraphOfBatch,
} from './relations/instanceGraph.ts';
export { type InterChannelOptions, interChannelCorrelation, interChannelCorrelationPerExample } from './relations/interChannelCorrelation.ts';
export { neuronSelectivity, neuronSelectivityPerExample } from './relations/neuronSelectivity.ts';
export { type PearsonOptions, pearson, pearsonOfBatch } from './relations/pearson.ts';
export { type ProbabilisticTransferOptions, probabilisticTransfer, probabilisticTransferOfBatch } from './relations/probabilisticTransfer.ts';
export { type RelationalOptions, relational, relationalOfBatch } from './relations/relational.ts';
export { similarityPreserving, similarityPreservingOfBatch } from './relations/similarityPreserving.ts';
export { type SingularVectorsOptions, singularVectors, singularVectorsPerExample } from './relations/singularVectors.ts';
export { softTargets, softTargetsPerExample } from './softTargets.ts';
export { type TapPair, type TapPoint, tapOf } from './taps.ts';
export { type TutorialLossOptions, tutorialLoss, tutorialLossPerExample } from './tutorialLoss.ts';
export { weighted } from './weighted.ts';
