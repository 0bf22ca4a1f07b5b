export {
  type CifarResnetDepth,
  type CifarResnetOptions,
  cifarResnet,
  type Shortcut,
} from './architectures/cifarResnet.ts';
export {
  type EfficientNetLiteOptions,
  type EfficientNetLiteVersion,
  efficientNetLite,
} from './architectures/efficientNetLite.ts';
export {
  type MobileNetV2Options,
  type MobileNetV2Stem,
  mobileNetV2,
} from './architectures/mobileNetV2.ts';
export {
  type ResnetArchitecture,
  type ResnetBlock,
  type ResnetDepth,
  type ResnetOptions,
  type ResnetStem,
  resnet,
} from './architectures/resnet.ts';
export { type Resnet9Options, resnet9 } from './architectures/resnet9.ts';
export {
  type ShuffleNetV1Groups,
  type ShuffleNetV1Options,
  shuffleNetV1,
} from './architectures/shuffleNetV1.ts';
export {
  type ShuffleNetV2Options,
  type ShuffleNetV2Stem,
  type ShuffleNetV2Width,
  shuffleNetV2,
} from './architectures/shuffleNetV2.ts';
export { type StudentCnnOptions, studentCnn } from './architectures/studentCnn.ts';
export { tutorialCnn } from './architectures/tutorialCnn.ts';
export { type VggDepth, type VggOptions, vgg } from './architectures/vgg.ts';
export {
  type WideResnetDepth,
  type WideResnetOptions,
  wideResnet,
} from './architectures/wideResnet.ts';
export { type NetworkProfile, profile } from './countOperations.ts';
export { fuseBatchNorm } from './folding/fuse.ts';
export type { LayerRange } from './freezing/bodyOf.ts';
export { freeze, unfreeze } from './freezing/freeze.ts';
export { type BackboneSplit, splitBackbone } from './freezing/split.ts';
export { type FromLayersModelOptions, fromLayersModel } from './fromLayersModel.ts';
export type { LayeredNetwork, NetworkDefinition } from './layered.ts';
export { type AveragePoolOptions, averagePool } from './layers/averagePool.ts';
export { type BatchNormOptions, batchNorm } from './layers/batchNorm.ts';
export { channelShuffle, sliceChannels } from './layers/channels.ts';
export {
  type LayerFactories,
  type ResidualOptions,
  residual,
  sequential,
} from './layers/compose.ts';
export { type ConcatOptions, concat } from './layers/concatenation.ts';
export { convBnRelu } from './layers/convBnRelu.ts';
export { type ConvolutionOptions, convolution } from './layers/convolution.ts';
export { type DenseOptions, dense } from './layers/dense.ts';
export {
  type DepthwiseConvolutionOptions,
  depthwiseConvolution,
} from './layers/depthwiseConvolution.ts';
export { type DropoutOptions, dropout } from './layers/dropout.ts';
export {
  type Initializer,
  kaimingNormalFanOut,
  type LayerFans,
  torchDefaultUniform,
} from './layers/initial.ts';
export { elementwise, type Layer, type LayerFactory } from './layers/layer.ts';
export type { Padding } from './layers/padding.ts';
export { relu, relu6, scale } from './layers/pointwise.ts';
export {
  globalAveragePool,
  globalMaxPool,
  type MaxPoolOptions,
  maxPool,
} from './layers/pooling.ts';
export { createNetwork, type NetworkOptions } from './network.ts';
export type { ClassifierOptions } from './options.ts';
export {
  type ChannelNormalization,
  cifar10Normalization,
  cifar100Normalization,
  efficientNetLiteNormalization,
  imagenetNormalization,
} from './prepare/normalize.ts';
export {
  createPreprocessor,
  type PreprocessingOptions,
  type Preprocessor,
} from './prepare/preparation.ts';
export type { Interpolation } from './prepare/resizeWeights.ts';
export { type SimKdStudentOptions, simKdStudent } from './simKdStudent.ts';
export { summary } from './summary.ts';
export { encodeTorchWeights, type TorchWeightsOptions } from './weights/encodeTorchWeights.ts';
export { type LoadOptions, type LoadReport, loadWeights } from './weights/loadWeights.ts';
export { parseWeights } from './weights/parseWeights.ts';
export type { TensorEntry, Weights, WeightsOptions } from './weights/weights.ts';
