import { largest } from '@kd/export/node';
import { type ChangedAnswer, type ChangedPicture, pngDataUri } from '@kd/report';
import type { CheckedVariant } from './checkFiles.ts';
import { softmaxRows, type TestAnswers } from './testAnswers.ts';

/** Pictures that are kept for the page. */
const mostPictures = 24;

/**
 * Finds the pictures for which files name another class than the network, those first of which the
 * network is most certain.
 */
export async function findChangedPictures(
  checked: readonly CheckedVariant[],
  test: TestAnswers,
): Promise<ChangedPicture[]> {
  const { classes, set, labels } = test;
  const answerOf = (
    answers: Float32Array,
    image: number,
    output: 'logits' | 'probabilities',
  ): ChangedAnswer => {
    const row = answers.subarray(image * classes, (image + 1) * classes);
    const probabilities = output === 'logits' ? softmaxRows(row, classes) : row;
    const label = largest(row);
    return { label, probability: probabilities[label] as number };
  };
  const found: (Pick<ChangedPicture, 'image' | 'network'> & {
    readonly files: Record<string, ChangedAnswer>;
  })[] = [];
  for (let image = 0; image < labels.length; image++) {
    const network = answerOf(test.answers, image, 'logits');
    const files: Record<string, ChangedAnswer> = {};
    for (const { variant, answers, refusal } of checked) {
      if (answers === undefined || refusal !== undefined) continue;
      const answer = answerOf(answers, image, variant.output);
      if (answer.label !== network.label) files[variant.name] = answer;
    }
    if (Object.keys(files).length > 0) found.push({ image, network, files });
  }
  const kept = found
    .sort((left, right) => right.network.probability - left.network.probability)
    .slice(0, mostPictures);
  const [height, width] = set.imageShape;
  return Promise.all(
    kept.map(async ({ image, ...rest }) => ({
      ...rest,
      image: set.indices[image] as number,
      label: labels[image] as number,
      png: await pngDataUri(set.images.read(set.indices[image] as number).slice(), set.imageShape),
      height,
      width,
    })),
  );
}
