import { ensure, type LossTerm, type Network } from '@kd/core';
import { type FeaturePair, type FeatureRef, featureRef } from '@kd/losses';
import type { HeadGeometry } from './architectures.ts';

/** The networks and numbers that a method's loss term is made from. */
export interface MethodContext {
  readonly student: Network;
  readonly teacher: Network;
  /** How the teacher's feature maps become its logits. */
  readonly head: HeadGeometry;
  /** Label of every row of the whole training set; −1 where the students never see it. */
  readonly labels: ArrayLike<number>;
  readonly classes: number;
  readonly batchSize: number;
  /** Seed of the student and of what the method draws at random. */
  readonly seed: number;
}

/** What `createTerm` is called with. */
export interface TermContext extends MethodContext {
  /** 1 where the method has none. */
  readonly temperature: number;
}

/** Weights of the two parts of the distilled student's objective, ≥ 0. */
export interface ObjectiveWeights {
  /** Weight of the cross entropy with the labels; 0 leaves it out. */
  readonly labels: number;
  /** Weight of the method's term. */
  readonly method: number;
}

/** A distillation method with the weights and the temperature of its paper. */
export interface Method {
  /**
   * What it needs of the teacher: cached logits, features of a forward pass per batch, or nothing.
   */
  readonly needs: 'logits' | 'features' | 'nothing';
  /** Present where every image must have a label. */
  readonly needsLabels?: true;
  /** Absent where the method has none. */
  readonly temperature?: number;
  readonly weights: ObjectiveWeights;
  /** Share of the training, 0–1, over which the method's weight grows from 0. */
  readonly linearWarmup?: number;
  /** Share of the training, 0–1, after which the method's weight is 0. */
  readonly until?: number;
  /**
   * Bound of the gradient's global norm where the student's architecture has none: for methods with
   * large weights, since the learning rates are those of soft targets.
   */
  readonly clipNorm?: number;
  /**
   * Networks that are trained besides teacher and student. `assistant`: one of a size between,
   * taught
   * by the teacher, teaches the student. `generations`: students in a row, each taught by the one
   * before, the first by the student alone. `peer`: student and peer teach each other.
   */
  readonly strategy?: 'assistant' | 'generations' | 'peer';
  /**
   * Makes the network that trains, where it is not the plain student. It owns the plain student.
   */
  readonly wrapStudent?: (
    context: Pick<MethodContext, 'student' | 'teacher' | 'head' | 'seed'>,
  ) => Network;
  /** Name of the term in the objective and in the report; `soft` where left out. */
  readonly term?: string;
  readonly createTerm: (context: TermContext) => LossTerm;
}

/** Names of a network's features that are maps, shallowest first. */
export function mapNames({ featureInfo = {} }: Network): string[] {
  return Object.entries(featureInfo).flatMap(([name, { stride }]) => (stride > 0 ? [name] : []));
}

type Networks = Pick<MethodContext, 'student' | 'teacher'>;

/** Pairs the student's stages with as many of the teacher's, from the last one back. */
export function pairStages({ student, teacher }: Networks): FeaturePair<FeatureRef>[] {
  const [ours, theirs] = [mapNames(student), mapNames(teacher)];
  const count = Math.min(ours.length, theirs.length);
  ensure(
    count > 0,
    'distill',
    'networks with feature maps for a method on features',
    'none',
    'take another --teacher or --student',
  );
  return ours
    .slice(-count)
    .map((name, index) =>
      pair({ student, teacher }, name, theirs[theirs.length - count + index] as string),
    );
}

/** The last stage of each network. */
export function pairLastStages(networks: Networks): FeaturePair<FeatureRef> {
  return pairStages(networks).at(-1) as FeaturePair<FeatureRef>;
}

/** The middle one of the paired stages. */
export function pairMiddleStages(networks: Networks): FeaturePair<FeatureRef> {
  const all = pairStages(networks);
  return all[Math.floor(all.length / 2)] as FeaturePair<FeatureRef>;
}

/** The pooled vectors, which are the inputs of the classifiers. */
export function pairPooled(networks: Networks): FeaturePair<FeatureRef> {
  return pair(networks, 'pooled', 'pooled');
}

function pair(
  { student, teacher }: Networks,
  ours: string,
  theirs: string,
): FeaturePair<FeatureRef> {
  return { student: featureRef(student, ours), teacher: featureRef(teacher, theirs) };
}
