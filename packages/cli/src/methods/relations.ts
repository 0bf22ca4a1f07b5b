import {
  attentionTransfer,
  correlationCongruence,
  cwd,
  fsp,
  ickd,
  irg,
  irgEdges,
  kdSvd,
  nst,
  pkd,
  pkt,
  rkd,
  similarityPreserving,
} from '@kd/losses';
import type { Method } from './method.ts';
import { lastStage, pooled, stages } from './taps.ts';

const live = { hears: 'features', hard: 1, name: 'relations', clipNorm: 1 } as const;

/** Methods on how examples, channels and layers go together, whatever the widths. */
export const relationMethods = {
  'attention-transfer': {
    ...live,
    weight: 1000,
    term: (_, room) => attentionTransfer(stages(room)),
  },
  'similarity-preserving': {
    ...live,
    weight: 3000,
    term: (_, room) => similarityPreserving(lastStage(room)),
  },
  relational: { ...live, weight: 1, term: (_, room) => rkd(pooled(room)) },
  pkt: { ...live, weight: 30_000, term: (_, room) => pkt(pooled(room)) },
  nst: { ...live, weight: 50, term: (_, room) => nst(stages(room)) },
  /** The weight of the paper's form in AberHu's zoo; RepDistiller's 0.02 is that of its own. */
  'correlation-congruence': {
    ...live,
    weight: 100,
    term: (_, room) => correlationCongruence(pooled(room), { kernel: {} }),
  },
  icd: {
    ...live,
    weight: 2.5,
    term: (_, room) => ickd(lastStage(room), { regressor: { batchNorm: true }, seed: room.seed }),
  },
  irg: {
    ...live,
    weight: 1,
    term: (_, room) => irg({ maps: stages(room).slice(-2), embedding: pooled(room) }),
  },
  'irg-edges': {
    ...live,
    weight: 0.005,
    term: (_, room) => irgEdges({ layers: stages(room).slice(-2), embedding: pooled(room) }),
  },
} as const satisfies Record<string, Method>;

/**
 * Those that compare channel with channel: teacher and student must have as many, as resnet56 and
 * resnet20 have.
 */
export const channelMethods = {
  fsp: { ...live, weight: 50, term: (_, room) => fsp(stages(room)) },
  cwd: {
    ...live,
    weight: 50,
    temperature: 4,
    term: ({ temperature }, room) => cwd(lastStage(room), { temperature }),
  },
  pkd: { ...live, weight: 6, term: (_, room) => pkd(lastStage(room)) },
  kdsvd: { ...live, weight: 1, term: (_, room) => kdSvd(stages(room)) },
} as const satisfies Record<string, Method>;
