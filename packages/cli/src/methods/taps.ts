import { ensure, type Network } from '@kd/core';
import { type FeaturePair, type FeatureRef, featureRef } from '@kd/losses';
import type { Classroom } from './method.ts';

/** Names of a network's taps that hold maps, shallowest first. */
export function mapsOf({ featureInfo: taps = {} }: Network): string[] {
  return Object.entries(taps).flatMap(([name, { stride }]) => (stride > 0 ? [name] : []));
}

type Networks = Pick<Classroom, 'student' | 'teacher'>;

/** The student's stages with as many of the teacher's, the last with the last. */
export function stages({ student, teacher }: Networks): FeaturePair<FeatureRef>[] {
  const [own, others] = [mapsOf(student), mapsOf(teacher)];
  const count = Math.min(own.length, others.length);
  ensure(
    count > 0,
    'distill',
    'networks with taps for a method on features',
    'none',
    'take another --teacher or --student',
  );
  return own
    .slice(-count)
    .map((name, at) =>
      pair({ student, teacher }, name, others[others.length - count + at] as string),
    );
}

export function lastStage(networks: Networks): FeaturePair<FeatureRef> {
  return stages(networks).at(-1) as FeaturePair<FeatureRef>;
}

export function middleStage(networks: Networks): FeaturePair<FeatureRef> {
  const all = stages(networks);
  return all[Math.floor(all.length / 2)] as FeaturePair<FeatureRef>;
}

/** What the classifiers see. */
export function pooled(networks: Networks): FeaturePair<FeatureRef> {
  return pair(networks, 'pooled', 'pooled');
}

function pair({ student, teacher }: Networks, own: string, other: string): FeaturePair<FeatureRef> {
  return { student: featureRef(student, own), teacher: featureRef(teacher, other) };
}
