import { deriveSeed, type Network } from '@kd/core';
import { peerGroup } from '@kd/trainer';
import { architecture } from '../architectures.ts';
import { methodOf } from '../methods/index.ts';
import type { Classroom } from '../methods/method.ts';
import type { Pupil } from '../record/pupils.ts';
import { type Context, untrained } from './context.ts';

/**
 * A network as its method trains it, and what of it stays. They are one, but in mutual learning.
 */
export interface Student {
  readonly trains: Network;
  /** Disposing of it frees all. */
  readonly keeps: Network;
  /** Those who learn from each other; the first is kept. */
  readonly members: readonly Network[];
}

/** A pupil before its training. @param teacher Whoever teaches it; its weights are only copied. */
export function studentOf(context: Context, pupil: Pupil, teacher: Network | undefined): Student {
  const { company, student } = methodOf(context.ledger.record.config.distillation.method);
  const own = untrained(context, pupil);
  if (pupil.teacher === undefined || teacher === undefined) return alone(own);
  if (student !== undefined)
    return alone(student({ student: own, teacher, head: headOf(pupil.teacher), seed: pupil.seed }));
  if (company !== 'peer') return alone(own);
  const members = [own, untrained(context, { ...pupil, seed: deriveSeed(pupil.seed, 'peer', 0) })];
  const trains = peerGroup(members, { speaks: 'first' });
  return { trains, keeps: { ...own, dispose: () => trains.dispose() }, members };
}

/** How a network makes logits of its maps. */
export function headOf({ choice }: Pupil): Classroom['head'] {
  return architecture(choice.architecture).head ?? { pooling: 'mean', scale: 1 };
}

function alone(network: Network): Student {
  return { trains: network, keeps: network, members: [network] };
}
