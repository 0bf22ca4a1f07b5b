export { type CifarResnetDepth, type CifarResnetOptions, cifarResnet, type Shortcut } from './cifarResnet.ts';
export { countOperations, type Operations } from './countOperations.ts';
export { type EfficientNetLiteOptions, type EfficientNetLiteVersion, efficientNetLite } from './efficientNetLite.ts';
export { fuse } from './folding/fuse.ts';
export type { Part } from './freezing/bodyOf.ts';
export { freeze, unfreeze } from './freezing/freeze.ts';
export { type Split, split } from './freezing/split.ts';
export { type FromLayersOptions, fromLayers } from './fromLayers.ts';
export type { Anatomy, LayeredNetwork } from './layered.ts';
export { type AveragePoolOptions, averagePool } from './layers/averagePool.ts';
export { type BatchNormOptions, batchNorm } from './layers/batchNorm.ts';
export { channelShuffle, takeChannels } from './layers/channels.ts';
export { type LayerPlans, type ResidualOptions, residual, sequence } from './layers/compose.ts';
export { type ConcatenationOptions, concatenation } from './layers/concatenation.ts';
export { convBnRelu } from './layers/convBnRelu.ts';
export { type ConvolutionOptions, convolution } from './layers/convolution.ts';
export { type DenseOptions, dense } from './layers/dense.ts';
export { type DepthwiseConvolutionOptions, depthwiseConvolution } from './layers/depthwiseConvolution.ts';
export { type DropoutOptions, dropout } from './layers/dropout.ts';
export { type Fans, heNormal, type Initial, uniformFanIn } from './layers/initial.ts';
export { type Layer, type LayerPlan, pointwise } from './layers/layer.ts';
export type { Padding } from './layers/padding.ts';
export { relu, relu6, times } from './layers/pointwise.ts';
export { globalAveragePool, globalMaxPool, type MaxPoolOptions, maxPool } from './layers/pooling.ts';
export { type MobileNetV2Options, type MobileNetV2Stem, mobileNetV2 } from './mobileNetV2.ts';
export { type NetworkOptions, networkOf } from './network.ts';
export type { ClassifierOptions } from './options.ts';
export {
  type ChannelStatistics,
  cifar10Statistics,
  cifar100Statistics,
  efficientNetLiteStatistics,
  imagenetStatistics,
} from './prepare/normalise.ts';
export { type Preparation, type Preparer, prepareImages } from './prepare/preparation.ts';
export type { Interpolation } from './prepare/resizeWeights.ts';
export {
  type ResnetArchitecture,
  type ResnetBlock,
  type ResnetDepth,
  type ResnetOptions,
  type ResnetStem,
  resnet,
} from './resnet.ts';
export { type Resnet9Options, resnet9 } from './resnet9.ts';
export { type ReuseClassifierOptions, reuseClassifier } from './reuseClassifier.ts';
export { seedCnn } from './seedCnn.ts';
export { type ShuffleNetV1Groups, type ShuffleNetV1Options, shuffleNetV1 } from './shuffleNetV1.ts';
export { type ShuffleNetV2Options, type ShuffleNetV2Stem, type ShuffleNetV2Width, shuffleNetV2 } from './shuffleNetV2.ts';
export { type StudentCnnOptions, studentCnn } from './studentCnn.ts';
export { summary } from './summary.ts';
export { type VggDepth, type VggOptions, vgg } from './vgg.ts';
export { encodeTorchWeights, type TorchWeightsOptions } from './weights/encodeTorchWeights.ts';
export { type LoadOptions, type LoadReport, loadWeights } from './weights/loadWeights.ts';
export { parseWeights } from './weights/parseWeights.ts';
export type { WeightEntry, Weights, WeightsOptions } from './weights/weights.ts';
export { type WideResnetDepth, type WideResnetOptions, wideResnet } from './wideResnet.ts';
