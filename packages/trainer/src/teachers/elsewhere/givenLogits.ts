import { ensure, type Teacher, type ViewKey } from '@kd/core';
import { tensor2d } from '@tensorflow/tfjs-core';

/** Logits that somebody else has computed, one row for each picture of the whole image set. */
export interface GivenLogits {
  /** [rows, classes], row-major. */
  readonly logits: Float32Array;
  readonly rows: number;
  readonly classes: number;
  /** Of which pixels they are; `ignored`: whatever the pixels are. */
  readonly view: ViewKey | 'ignored';
}

/** Looks rows up. @param caller For messages. */
export function givenLogits(caller: string, { logits, rows, classes, view }: GivenLogits): Teacher {
  return ({ indices, view: shown }) => {
    if (view !== 'ignored') {
      ensure(
        shown.spec === view.spec && shown.seed === view.seed,
        caller,
        `pictures as these logits saw them (view ${view.spec} from seed ${view.seed})`,
        `${shown.spec} from seed ${shown.seed}`,
        "train without views, let a live teacher look, or say view: 'ignored' to teach what was said of other pixels",
      );
    }
    const chosen = new Float32Array(indices.length * classes);
    for (const [at, row] of indices.entries()) {
      ensure(
        row >= 0 && row < rows,
        caller,
        `rows of the image set below ${rows}, as many as there are logits`,
        row,
        'the logits are of another set',
      );
      chosen.set(logits.subarray(row * classes, (row + 1) * classes), at * classes);
    }
    return { logits: tensor2d(chosen, [indices.length, classes]), features: {} };
  };
}
