/**
 * {@include ../README.md}
 * @module @kd/models
 */
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
export type { ClassifierOptions } from './architectures/options.ts';
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
export { type TutorialCnnOptions, tutorialCnn } from './architectures/tutorialCnn.ts';
export { type VggDepth, type VggOptions, vgg } from './architectures/vgg.ts';
export {
  type WideResnetDepth,
  type WideResnetOptions,
  wideResnet,
} from './architectures/wideResnet.ts';
export { fuseBatchNorm } from './inference/fuseBatchNorm.ts';
export { type FromLayersModelOptions, fromLayersModel } from './keras/fromLayersModel.ts';
export { elementwise, relu, relu6, scale } from './layers/activations.ts';
export { type BatchNormOptions, batchNorm } from './layers/batchNorm.ts';
export { channelShuffle, sliceChannels } from './layers/channels.ts';
export {
  type ConvolutionOptions,
  convBnRelu,
  convolution,
  type DepthwiseConvolutionOptions,
  depthwiseConvolution,
} from './layers/conv.ts';
export { type DenseOptions, dense } from './layers/dense.ts';
export { type DropoutOptions, dropout } from './layers/dropout.ts';
export {
  type Initializer,
  kaimingNormalFanOut,
  type LayerFans,
  torchDefaultUniform,
} from './layers/initializers.ts';
export type { Layer, LayerFactory, LayerOperation } from './layers/layer.ts';
export type { LayerRange } from './layers/networkDefinition.ts';
export type { Padding } from './layers/padding.ts';
export {
  type AveragePoolOptions,
  averagePool,
  globalAveragePool,
  globalMaxPool,
  type MaxPoolOptions,
  maxPool,
} from './layers/pooling.ts';
export {
  type ConcatOptions,
  concat,
  type LayerFactories,
  type ResidualOptions,
  residual,
  sequential,
} from './layers/sequential.ts';
export { createNetwork, type NetworkOptions } from './network.ts';
export {
  type ChannelNormalization,
  cifar10Normalization,
  cifar100Normalization,
  efficientNetLiteNormalization,
  imagenetNormalization,
} from './preprocessing/normalize.ts';
export {
  createPreprocessor,
  type PreprocessingOptions,
  type Preprocessor,
} from './preprocessing/preprocess.ts';
export type { Interpolation } from './preprocessing/resize.ts';
export { type NetworkProfile, profile, summary } from './profile.ts';
export { freeze, unfreeze } from './transfer/freeze.ts';
export { type SimKdStudentOptions, simKdStudent } from './transfer/simKdStudent.ts';
export { type BackboneSplit, splitBackbone } from './transfer/splitBackbone.ts';
export type { TensorEntry, Weights } from './weights/formats/weights.ts';
export { type LoadReport, type LoadWeightsOptions, loadWeights } from './weights/loadWeights.ts';
export { type OpenWeightsOptions, openWeights } from './weights/openWeights.ts';
export { type SaveWeightsOptions, saveWeights } from './weights/saveWeights.ts';
