import { type Contender, startContender } from './contender.ts';
import { verdict } from './goals.ts';
import { type Measured, takeTurns } from './rounds.ts';
import type { BenchOptions, Row, Section } from './section.ts';
import { ourVariant, torchVariants, type Variant } from './variants.ts';

/** Part of a recipe, and how many pictures go through it. */
interface Stage {
  readonly title: string;
  /** In src/ours/prepare.ts or torch/steps.py. */
  readonly step: string;
  readonly batch: number;
  readonly size: number;
  readonly pictures: number;
  /**
   * The step of ours that has the same arithmetic, and how many of its passes a picture takes:
   * PyTorch does not count its own.
   */
  readonly like?: { readonly step: string; readonly size: number; readonly passes: number };
}

/** The frozen body makes its pictures 224×224 itself. */
const teacherPass = { step: 'tutorial-body', size: 32, passes: 1 };
const largeStudentPass = { step: 'tutorial-evaluating', size: 224, passes: 1 };

const [TRAIN, TEST, HEAD_EPOCHS, STUDENT_EPOCHS] = [50_000, 10_000, 10, 20];

/**
 * As printed: body and head at every picture of every epoch, the student at 224×224. Batches are
 * half as large as printed, for memory.
 */
const printed: readonly Stage[] = [
  {
    title: 'teacher, training the head',
    step: 'tutorial-head',
    batch: 32,
    size: 224,
    pictures: HEAD_EPOCHS * TRAIN,
    like: teacherPass,
  },
  {
    title: 'teacher, evaluating',
    step: 'tutorial-teacher',
    batch: 32,
    size: 224,
    pictures: HEAD_EPOCHS * TEST,
    like: teacherPass,
  },
  {
    title: "the teacher's outputs",
    step: 'tutorial-teacher',
    batch: 32,
    size: 224,
    pictures: TRAIN + TEST,
    like: teacherPass,
  },
  {
    title: 'student, training',
    step: 'tutorial-student',
    batch: 32,
    size: 224,
    pictures: STUDENT_EPOCHS * TRAIN,
    like: { ...largeStudentPass, passes: 3 },
  },
  {
    title: 'student, evaluating',
    step: 'tutorial-student-evaluating',
    batch: 32,
    size: 224,
    pictures: STUDENT_EPOCHS * TEST,
    like: largeStudentPass,
  },
];

/** The same epochs: the frozen body looks at every picture once, the student at 32×32. */
const repaired: readonly Stage[] = [
  {
    title: "the frozen body's features",
    step: 'tutorial-body',
    batch: 32,
    size: 32,
    pictures: TRAIN + TEST,
  },
  {
    title: 'head on features, training',
    step: 'tutorial-head',
    batch: 64,
    size: 32,
    pictures: HEAD_EPOCHS * TRAIN,
  },
  {
    title: 'student, training',
    step: 'student-kd',
    batch: 64,
    size: 32,
    pictures: STUDENT_EPOCHS * TRAIN,
  },
  {
    title: 'student, evaluating',
    step: 'tutorial-evaluating',
    batch: 64,
    size: 32,
    pictures: STUDENT_EPOCHS * TEST,
  },
];

/** How many times less time the repaired recipe wants to take. */
const GOAL = 20;

/**
 * The tutorial's recipe as printed, in PyTorch as it is installed, and repaired, in ours: its steps
 * are measured, the hours of the whole are reckoned from them.
 */
export async function tutorial(options: BenchOptions): Promise<Section> {
  const ours = await recipe('ours', repaired, (stage) => ourVariant(stage), options);
  const { python } = options;
  const theirs =
    python === undefined
      ? undefined
      : await recipe(
          'as printed, PyTorch',
          printed,
          (stage) => torchVariants(python, stage, 'network')[0] as Variant,
          options,
        );
  return {
    name: 'tutorial',
    title:
      "The tutorial's recipe (ResNet-50 at 224×224, ten epochs of its head, twenty of the student, 50,000 + 10,000 pictures); steps measured, hours reckoned",
    rows: [...(theirs?.rows ?? []), ...ours.rows],
    remarks: theirs === undefined ? [] : [remark(theirs.hours / ours.hours)],
    versions: { ...ours.versions, ...theirs?.versions },
  };
}

interface Recipe {
  readonly rows: readonly Row[];
  readonly hours: number;
  readonly versions: Section['versions'];
}

async function recipe(
  name: string,
  stages: readonly Stage[],
  variantOf: (stage: Stage) => Variant,
  options: BenchOptions,
): Promise<Recipe> {
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
    const { title, pictures } = stage;
    const [hours, petaflops] = [pictures / imagesPerSecond / 3600, (pictures * known.flops) / 1e15];
    const { ms, peakMiB } = known;
    rows.push({
      step: 'tutorial',
      variant: `${name}: ${title}`,
      ms,
      peakMiB,
      imagesPerSecond,
      pictures,
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
    const contender: Contender = await startContender(title, variantOf(stage).command);
    const [{ ms, peakBytes }] = (await takeTurns([contender], options)) as [Measured];
    await contender.close();
    const { facts } = contender.ready;
    versions = { ...versions, ...contender.ready.versions };
    const flops =
      stage.like === undefined ? (facts.flops ?? 0) / stage.batch : await flopsOf(stage.like);
    return { ms, peakMiB: (peakBytes - facts.loadedBytes) / 2 ** 20, flops };
  }
}

/** Floating-point operations of one picture. */
async function flopsOf({ step, size, passes }: NonNullable<Stage['like']>): Promise<number> {
  const contender = await startContender(step, ourVariant({ step, size, batch: 1 }).command);
  await contender.close();
  return passes * (contender.ready.facts.flops ?? 0);
}

function sum(rows: readonly Row[], field: 'hours' | 'petaflops'): number {
  return rows.reduce((total, row) => total + (row[field] ?? 0), 0);
}

function remark(ratio: number): string {
  return `The whole, as printed over repaired: goal ≥ ${GOAL} times less time, ${ratio.toFixed(1)}, ${verdict(ratio >= GOAL)}. Without reading and resizing pictures in Python, which are not measured; at 224×224 in batches of 32 in place of 64, for memory.`;
}
