import type { BatchNormOptions } from './batchNorm.ts';
import { residual, sequential } from './compose.ts';
import { convolution } from './convolution.ts';
import { depthwiseConvolution } from './depthwiseConvolution.ts';
import type { LayerFactory } from './layer.ts';
import { unit } from './unit.ts';

/** A row of a table of such networks: blocks of one width, the first of which has the stride. */
export interface InvertedStage {
  /** How many times as wide a block is within as it is at its entry. */
  readonly expansion: number;
  /** Channels out. */
  readonly channels: number;
  readonly blocks: number;
  readonly stride: 1 | 2;
  /** Side of the depthwise kernel; 3. */
  readonly size?: number;
}

/** What all blocks of a network share. */
export interface InvertedStyle {
  readonly activation: LayerFactory;
  readonly norm?: Omit<BatchNormOptions, 'channels'>;
  /** TensorFlow's at stride 2; PyTorch's where it is left out. */
  readonly padding?: 'same';
  /** Whether a block that does not widen has its 1×1 convolution all the same; false. */
  readonly expandsAlways?: boolean;
}

/**
 * The stages of a table, as `stage1`, `stage2`, … of `block0`, `block1`, …. @param from Channels
 * in.
 */
export function invertedStages(
  rows: readonly InvertedStage[],
  from: number,
  style: InvertedStyle,
): Record<string, LayerFactory> {
  const stages: Record<string, LayerFactory> = {};
  rows.forEach((row, stage) => {
    const entry = stage === 0 ? from : (rows[stage - 1] as InvertedStage).channels;
    const blocks = Array.from({ length: row.blocks }, (_, at) => {
      const plan =
        at === 0
          ? invertedResidual(entry, row, style)
          : invertedResidual(row.channels, { ...row, stride: 1 }, style);
      return [`block${at}`, plan] as const;
    });
    stages[`stage${stage + 1}`] = sequential(Object.fromEntries(blocks));
  });
  return stages;
}

/**
 * 1×1 that widens, depthwise, 1×1 that narrows and has no activation; as `expand`, `depthwise`,
 * `project`. x is added where its shape is kept.
 *
 * Source: Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018,
 * section 3.
 */
function invertedResidual(
  from: number,
  { expansion, channels, stride, size = 3 }: InvertedStage,
  style: InvertedStyle,
): LayerFactory {
  const { activation, norm, padding, expandsAlways = false } = style;
  const wide = expansion * from;
  const wideUnit = (plan: LayerFactory) => unit(plan, { channels: wide, ...norm }, activation);
  const body = {
    ...((wide !== from || expandsAlways) && {
      expand: wideUnit(convolution({ from, to: wide, size: 1 })),
    }),
    depthwise: wideUnit(
      depthwiseConvolution({ channels: wide, size, stride, ...(padding && { padding }) }),
    ),
    project: unit(convolution({ from: wide, to: channels, size: 1 }), { channels, ...norm }),
  };
  return stride === 1 && from === channels ? residual({ body }) : sequential(body);
}

/** The multiple of the divisor next to a count, but not below nine tenths of it. */
export function roundedTo(divisor: number, count: number): number {
  const rounded = Math.max(divisor, Math.floor((count + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * count ? rounded + divisor : rounded;
}
