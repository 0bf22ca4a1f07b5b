import { type DataLoader, deriveSeed, type Network, type Objective, type Teacher } from '@kd/core';
import { dataLoader } from '@kd/data';
import { combine, crossEntropy, tutorialLoss } from '@kd/losses';
import { adam, type EpochReport, evaluate, loadVariables, saveVariables, train } from '@kd/trainer';
import { dispose } from '@tensorflow/tfjs-core';
import type { Pupil } from '../record/pupils.ts';
import { withBody } from './body.ts';
import { type Context, storeOf, untrained } from './context.ts';
import { headTrains, misaligned, outputsByNumber } from './printedParts.ts';
import { trained } from './trained.ts';

/** What the pupil minimises, and who speaks in an epoch. */
interface PrintedLesson {
  readonly objective: Objective;
  readonly speaker: () => Teacher | undefined;
  end(): void;
}

/**
 * The tutorial's loops as printed, to be compared with: the body runs with batch statistics and its
 * averages drift; the student sees enlarged pictures; the
 * teacher's outputs are kept by batch number of one shuffled pass and used in another order; Adam
 * begins anew in every epoch; the epoch is chosen on the test
 * set; the teacher's best weights are put back in every epoch, the student's never. A stage that is
 * interrupted begins anew.
 * @param keep Told all epochs after each.
 */
export async function trainAsPrinted(
  context: Context,
  pupil: Pupil,
  keep: (epochs: readonly EpochReport[]) => Promise<void>,
): Promise<void> {
  const { ledger, pictures, signal, log } = context;
  const weights = pupil.choice.body?.weights;
  const isTeacher = pupil.actor === 'teacher';
  const network =
    weights === undefined ? untrained(context, pupil) : await withBody(context, pupil, weights);
  const lesson = await lessonFrom(context, pupil.teacher);
  try {
    const testSet = dataLoader(pictures.test, {
      batchSize: ledger.record.config.optimizer.batchSize,
    });
    const history: EpochReport[] = [];
    let best = { top1: -1, bytes: await saveVariables(network) };
    for (let epoch = 1; epoch <= pupil.choice.epochs; epoch++) {
      const source = shuffled(context, deriveSeed(pupil.seed, 'printed', epoch));
      const options = {
        student: isTeacher ? headTrains(network) : network,
        objective: lesson.objective,
        teacher: lesson.speaker(),
        data: source,
      };
      for await (const report of train({
        ...options,
        optimizer: adam(),
        learningRate: pupil.choice.peakRate,
        epochs: 1,
        seed: epoch,
        signal,
      })) {
        const { confusion: _, ...validation } = await evaluate(network, testSet);
        const isBest = validation.top1 > best.top1;
        if (isBest) best = { top1: validation.top1, bytes: await saveVariables(network) };
        if (isTeacher) await loadVariables(network, best.bytes, 'the best weights so far');
        history.push({ ...report, epoch, validation, isBest });
        log(
          `${pupil.title} ${epoch}/${pupil.choice.epochs}: ${(100 * validation.top1).toFixed(1)} % of the test set, ${report.imagesPerSecond.toFixed(0)} images/s`,
        );
        await keep(history);
      }
    }
    await storeOf(context, pupil.name).write('best.safetensors', await saveVariables(network));
  } finally {
    lesson.end();
    network.dispose();
  }
}

async function lessonFrom(context: Context, teacher: Pupil | undefined): Promise<PrintedLesson> {
  if (teacher === undefined)
    return { objective: combine({ labels: crossEntropy() }), speaker: () => undefined, end() {} };
  const network: Network = await trained(context, teacher);
  try {
    const outputs = await outputsByNumber(
      network,
      shuffled(context, deriveSeed(teacher.seed, 'outputs', 0)),
    );
    return {
      objective: combine({ tutorial: tutorialLoss() }),
      speaker: () => misaligned(outputs),
      end: () => dispose(outputs),
    };
  } finally {
    network.dispose();
  }
}

function shuffled({ ledger, pictures }: Context, seed: number): DataLoader {
  return dataLoader(pictures.train, { batchSize: ledger.record.config.optimizer.batchSize, seed });
}
