import { startBenchProcess } from './benchProcess.ts';
import { interleaveRounds, type Measurement } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { passFail } from './targets.ts';
import { ourVariant, torchVariants, type Variant } from './variants.ts';

/** A stage of a recipe. */
interface Stage {
  readonly title: string;
  /** Name of the step in src/ours/workloads.ts or torch/steps.py. */
  readonly step: string;
  readonly batch: number;
  readonly size: number;
  /** Images that go through it in the whole recipe. */
  readonly images: number;
  /**
   * The step of ours with the same arithmetic, and its passes per image: PyTorch does not count its
   * operations.
   */
  readonly sameArithmeticAs?: {
    readonly step: string;
    readonly size: number;
    readonly passes: number;
  };
}

/** The frozen backbone resizes its images to 224×224 itself. */
const teacherPass = { step: 'tutorial-body', size: 32, passes: 1 };
const largeStudentPass = { step: 'tutorial-evaluating', size: 224, passes: 1 };

const [TRAIN, TEST, HEAD_EPOCHS, STUDENT_EPOCHS] = [50_000, 10_000, 10, 20];

/**
 * The recipe as published: backbone and head on every image of every epoch, the student at 224×224.
 * Batches are half as large as published, for memory.
 */
const published: readonly Stage[] = [
  {
    title: 'teacher, training the head',
    step: 'tutorial-head',
    batch: 32,
    size: 224,
    images: HEAD_EPOCHS * TRAIN,
    sameArithmeticAs: teacherPass,
  },
  {
    title: 'teacher, evaluating',
    step: 'tutorial-teacher',
    batch: 32,
    size: 224,
    images: HEAD_EPOCHS * TEST,
    sameArithmeticAs: teacherPass,
  },
  {
    title: "the teacher's outputs",
    step: 'tutorial-teacher',
    batch: 32,
    size: 224,
    images: TRAIN + TEST,
    sameArithmeticAs: teacherPass,
  },
  {
    title: 'student, training',
    step: 'tutorial-student',
    batch: 32,
    size: 224,
    images: STUDENT_EPOCHS * TRAIN,
    sameArithmeticAs: { ...largeStudentPass, passes: 3 },
  },
  {
    title: 'student, evaluating',
    step: 'tutorial-student-evaluating',
    batch: 32,
    size: 224,
    images: STUDENT_EPOCHS * TEST,
    sameArithmeticAs: largeStudentPass,
  },
];

/**
 * The same epochs, repaired: the frozen backbone is evaluated once on every image, the student
 * trains at 32×32.
 */
const repaired: readonly Stage[] = [
  {
    title: "the frozen backbone's features",
    step: 'tutorial-body',
    batch: 32,
    size: 32,
    images: TRAIN + TEST,
  },
  {
    title: 'head on features, training',
    step: 'tutorial-head',
    batch: 64,
    size: 32,
    images: HEAD_EPOCHS * TRAIN,
  },
  {
    title: 'student, training',
    step: 'student-kd',
    batch: 64,
    size: 32,
    images: STUDENT_EPOCHS * TRAIN,
  },
  {
    title: 'student, evaluating',
    step: 'tutorial-evaluating',
    batch: 64,
    size: 32,
    images: STUDENT_EPOCHS * TEST,
  },
];

/** Target for the duration of the published recipe over that of the repaired one. */
const TARGET = 20;

/**
 * Estimates the duration of the tutorial's recipe as published, in PyTorch as it is installed, and
 * repaired, in ours: the steps are measured, the hours of the whole are computed from them.
 */
export async function tutorial(options: BenchOptions): Promise<Section> {
  const ours = await measureRecipe('ours', repaired, (stage) => ourVariant(stage), options);
  const { python } = options;
  const theirs =
    python === undefined
      ? undefined
      : await measureRecipe(
          'as published, PyTorch',
          published,
          (stage) => torchVariants(python, stage, 'network')[0] as Variant,
          options,
        );
  return {
    name: 'tutorial',
    title:
      "The tutorial's recipe (ResNet-50 at 224×224, ten epochs of its head, twenty of the student, 50,000 + 10,000 images); steps measured, hours computed",
    rows: [...(theirs?.rows ?? []), ...ours.rows],
    remarks: theirs === undefined ? [] : [compareHours(theirs.hours / ours.hours)],
    versions: { ...ours.versions, ...theirs?.versions },
  };
}

interface MeasuredRecipe {
  readonly rows: readonly Row[];
  readonly hours: number;
  readonly versions: Section['versions'];
}

async function measureRecipe(
  name: string,
  stages: readonly Stage[],
  variantOf: (stage: Stage) => Variant,
  options: BenchOptions,
): Promise<MeasuredRecipe> {
  const rows: Row[] = [];
  let versions: Section['versions'] = {};
  const measured = new Map<
    string,
    { readonly ms: number; readonly peakMiB: number; readonly flops: number }
  >();
  for (const stage of stages) {
    const known = measured.get(stage.step) ?? (await measure(`${name}: ${stage.title}`, stage));
    measured.set(stage.step, known);
    const imagesPerSecond = (1000 * stage.batch) / known.ms;
    const { title, images } = stage;
    const [hours, petaflops] = [images / imagesPerSecond / 3600, (images * known.flops) / 1e15];
    const { ms, peakMiB } = known;
    rows.push({
      step: 'tutorial',
      variant: `${name}: ${title}`,
      ms,
      peakMiB,
      imagesPerSecond,
      images,
      hours,
      petaflops,
      ratio: null,
    });
  }
  const [hours, petaflops] = [sum(rows, 'hours'), sum(rows, 'petaflops')];
  rows.push({
    step: 'tutorial',
    variant: `**${name}: the whole**`,
    ms: null,
    imagesPerSecond: null,
    hours,
    petaflops,
    ratio: null,
  });
  return { rows, hours, versions };

  async function measure(title: string, stage: Stage) {
    options.log(`tutorial: ${title}`);
    const process = await startBenchProcess(title, variantOf(stage).command);
    const [{ ms, peakBytes }] = (await interleaveRounds([process], options)) as [Measurement];
    await process.close();
    const { facts } = process.ready;
    versions = { ...versions, ...process.ready.versions };
    const flops =
      stage.sameArithmeticAs === undefined
        ? (facts.flops ?? 0) / stage.batch
        : await countFlops(stage.sameArithmeticAs);
    return { ms, peakMiB: (peakBytes - facts.loadedBytes) / 2 ** 20, flops };
  }
}

/** Floating-point operations of one image. */
async function countFlops(same: NonNullable<Stage['sameArithmeticAs']>): Promise<number> {
  const { step, size, passes } = same;
  const process = await startBenchProcess(step, ourVariant({ step, size, batch: 1 }).command);
  await process.close();
  return passes * (process.ready.facts.flops ?? 0);
}

function sum(rows: readonly Row[], field: 'hours' | 'petaflops'): number {
  return rows.reduce((total, row) => total + (row[field] ?? 0), 0);
}

function compareHours(ratio: number): string {
  return `The whole, as published over repaired: goal ≥ ${TARGET} times less time, ${ratio.toFixed(1)}, ${passFail(ratio >= TARGET)}. Without reading and resizing images in Python, which are not measured; at 224×224 in batches of 32 in place of 64, for memory.`;
}
