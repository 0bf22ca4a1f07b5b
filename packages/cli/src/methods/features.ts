import {
  activationBoundaries,
  type ClassifierHead,
  classifierHead,
  crd,
  factorTransfer,
  hints,
  infoNce,
  mgd,
  ofd,
  otherClassNegatives,
  review,
  semCkd,
  simKd,
  srrl,
  vid,
} from '@kd/losses';
import { simKdStudent } from '@kd/models';
import type { Classroom, Method } from './method.ts';
import { lastStage, mapsOf, middleStage, pooled, stages } from './taps.ts';

const live = { hears: 'features', hard: 1, name: 'features', clipNorm: 1 } as const;

/** Methods on features with weights of their own, and contrastive ones. One entry adds one. */
export const featureMethods = {
  hints: { ...live, weight: 100, term: (_, room) => hints(middleStage(room), { seed: room.seed }) },
  'factor-transfer': { ...live, weight: 200, term: (_, room) => factorTransfer(lastStage(room)) },
  'activation-boundaries': {
    ...live,
    weight: 1,
    until: 0.1,
    term: (_, room) => activationBoundaries(stages(room), { seed: room.seed }),
  },
  vid: { ...live, weight: 1, term: (_, room) => vid(stages(room), { seed: room.seed }) },
  /** Our taps lie behind a ReLU, where margins change nothing. */
  overhaul: {
    ...live,
    weight: 1e-3,
    term: (_, room) =>
      ofd(
        stages(room).map((pair) => ({
          ...pair,
          margin: new Array<number>(pair.teacher.channels).fill(0),
        })),
        { seed: room.seed },
      ),
  },
  review: {
    ...live,
    weight: 1,
    linearWarmup: 20 / 240,
    term: (_, room) => review([...stages(room), pooled(room)], { seed: room.seed }),
  },
  /** The weight of cls_KD for CIFAR-100; for ImageNet it is 7e-5. */
  mgd: { ...live, weight: 1.2e-3, term: (_, room) => mgd(lastStage(room), { seed: room.seed }) },
  srrl: {
    ...live,
    weight: 1,
    term: (_, room) => srrl(pooled(room), teachersClassifier(room), { seed: room.seed }),
  },
  /**
   * The student ends in the teacher's own classifier, behind a projector; labels are not looked at.
   */
  simkd: {
    ...live,
    hard: 0,
    weight: 1,
    student: (room) => {
      const { student, teacher } = lastStage(room);
      const pool = Math.max(1, Math.round(teacher.stride / student.stride));
      const { pooling } = room.head;
      return simKdStudent(room.student, {
        tap: student.name,
        classifier: teachersClassifier(room),
        pooling,
        pool,
        seed: room.seed,
      });
    },
    term: (_, { teacher }) =>
      simKd({ student: 'projected', teacher: mapsOf(teacher).at(-1) ?? '' }),
  },
  semckd: {
    ...live,
    weight: 400,
    term: (_, room) => {
      const pairs = stages(room);
      const taps = {
        student: pairs.map(({ student }) => student),
        teacher: pairs.map(({ teacher }) => teacher),
      };
      return semCkd(taps, { batchSize: room.batchSize, seed: room.seed });
    },
  },
  /**
   * Negatives are of other classes, as in the published results, and never of rows that the run
   * does not see.
   */
  crd: {
    ...live,
    weight: 0.8,
    term: (_, room) =>
      crd({
        ...pooled(room),
        pictures: room.labels.length,
        sampler: otherClassNegatives(room.labels),
        seed: room.seed,
      }),
  },
  'info-nce': {
    ...live,
    weight: 1,
    term: (_, room) => infoNce({ ...pooled(room), embedding: 128, seed: room.seed }),
  },
} as const satisfies Record<string, Method>;

function teachersClassifier({
  teacher,
  head,
}: Pick<Classroom, 'teacher' | 'head'>): ClassifierHead {
  return { ...classifierHead(teacher), scale: head.scale };
}
