import type { TrainingPosition } from './types.ts';

/**
 * Thrown when the signal stops a training: everything is saved, a resume goes on from `position`.
 */
export class TrainingInterruptedError extends Error {
  override readonly name = 'Interrupted';
  readonly position: TrainingPosition;
  /** Where the checkpoint is; undefined where no store was given and nothing is saved. */
  readonly place: string | undefined;

  constructor(position: TrainingPosition, place: string | undefined) {
    const saved =
      place === undefined ? 'nothing is saved, for no store was given' : `saved in ${place}`;
    super(`Interrupted at epoch ${position.epoch + 1}, step ${position.step}; ${saved}.`);
    this.position = position;
    this.place = place;
  }
}
