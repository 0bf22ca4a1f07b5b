import { formatInteger } from '@kd/core/internal';
import type { ProbedImages } from '@kd/data/node';
import type { ChoiceRecord } from '@kd/report';
import { type ArchitectureName, findArchitecture } from '../experiment/architectures.ts';
import type { Overrides } from '../experiment/configure.ts';
import type { ImageSource, RecipeName } from '../experiment/imageSource.ts';
import { usageError } from '../experiment/usageError.ts';

/** How images are read, where flags name it. */
export interface ImageFlags {
  readonly size?: number;
  readonly recipe?: RecipeName;
}

/** The size of the images, which depends on the teacher. */
export interface ImagesChoice extends Pick<ImageSource, 'size' | 'recipe'> {
  readonly teacher: ArchitectureName;
  readonly choices: readonly ChoiceRecord[];
}

/** Images up to this many pixels a side stay as they are, and students see none that are larger. */
export const smallSide = 64;

/** A teacher that is trained here. */
export const trainedTeacher: ArchitectureName = 'resnet9-w0.25';

/** A teacher with weights from ImageNet that anybody can have. */
const pretrainedTeacher: ArchitectureName = 'efficientnet-lite0';

/**
 * Chooses the size of the images, how they are resized, and the teacher.
 * @param hasWeights Whether the weights of the pretrained teacher can be had.
 * @throws UsageError where a flag does not fit.
 */
export function chooseImages(
  probed: ProbedImages,
  flags: ImageFlags,
  overrides: Overrides,
  hasWeights: boolean,
): ImagesChoice {
  const { shorterSide, isOneSize, height, width } = probed;
  const isSquare = isOneSize && height.least === width.least;
  const isLarge = shorterSide.median > smallSide;
  const given =
    isSquare && (isLarge ? flags.size === height.least : isAsGiven(flags, height.least));
  const { teacher, why } = chooseTeacher(isLarge, flags, overrides, hasWeights);
  const choices: ChoiceRecord[] =
    why === undefined ? [] : [{ what: 'teacher', value: teacher, why }];
  if (given) {
    if (flags.recipe !== undefined)
      throw usageError(
        '--recipe',
        `nothing for images that are ${height.least} × ${height.least} already`,
        flags.recipe,
        'leave it out, or name another --size',
      );
    const value = `${height.least} × ${height.least}, as they are`;
    return {
      size: 'asGiven',
      recipe: 'torchvision',
      teacher,
      choices: [
        ...(flags.size === undefined
          ? [{ what: 'image size', value, why: 'all are small squares of one size' }]
          : []),
        ...choices,
      ],
    };
  }
  const own = findArchitecture(teacher).pretrained;
  const chosen = own?.size ?? (isLarge ? smallSide : roundSide(shorterSide.median));
  const size = flags.size ?? chosen;
  const sides = describeSides(probed);
  const recipe = flags.recipe ?? (own === undefined ? 'torchvision' : 'timm');
  return {
    size,
    recipe,
    teacher,
    choices: [
      ...(flags.size === undefined
        ? [
            {
              what: 'image size',
              value: `${size} × ${size}`,
              why:
                own === undefined
                  ? `pictures of ${sides} pixels; larger ones take longer`
                  : `pictures of ${sides} pixels, and ${teacher} sees ${own.size} × ${own.size}`,
            },
          ]
        : []),
      ...(flags.recipe === undefined
        ? [
            {
              what: 'recipe',
              value: recipe,
              why:
                own === undefined
                  ? 'the usual one: resized, and the central 7/8 taken'
                  : "the pretrained teacher's own",
            },
          ]
        : []),
      ...choices,
    ],
  };
}

function isAsGiven({ size }: ImageFlags, side: number): boolean {
  return size === undefined || size === side;
}

function chooseTeacher(
  isLarge: boolean,
  { size }: ImageFlags,
  { teacher, teacherWeights }: Overrides,
  hasWeights: boolean,
): { readonly teacher: ArchitectureName; readonly why?: string } {
  if (teacher !== undefined) return { teacher };
  if (teacherWeights !== undefined)
    return { teacher: pretrainedTeacher, why: '--teacher-weights without --teacher' };
  if (isLarge && (size === undefined || size > smallSide)) {
    if (hasWeights)
      return {
        teacher: pretrainedTeacher,
        why: 'pretrained on ImageNet, with weights from the Python index; a new head is trained here',
      };
    return {
      teacher: trainedTeacher,
      why: 'trained here, since pretrained weights cannot be had',
    };
  }
  return { teacher: trainedTeacher, why: 'small, and good on small pictures; trained here' };
}

/** Returns a side near the pictures' own, from 32 to 64 in steps of 8. */
function roundSide(side: number): number {
  return Math.max(32, Math.min(smallSide, 8 * Math.round(side / 8)));
}

function describeSides({ height, width, isOneSize }: ProbedImages): string {
  if (isOneSize) return `${formatInteger(width.least)} × ${formatInteger(height.least)}`;
  const [least, most] = [Math.min(height.least, width.least), Math.max(height.most, width.most)];
  return `${formatInteger(least)} to ${formatInteger(most)}`;
}
