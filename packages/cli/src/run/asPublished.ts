/**
 * The loops of PyTorch's distillation tutorial as published, defects included, to compare with:
 *
 * - the backbone runs with batch statistics, so that its running averages drift, and it is run anew
 *   in every epoch;
 * - the student sees enlarged images;
 * - the teacher's outputs are kept by batch number of one shuffled pass and used in another order;
 * - Adam starts anew in every epoch;
 * - the epoch is chosen on the test set; the teacher's best weights are restored after every epoch,
 *   the student's never.
 *
 * An interrupted stage starts over.
 */
import {
  type Batch,
  type DataLoader,
  deriveSeed,
  type Network,
  type Objective,
  type Teacher,
} from '@kd/core';
import { dataLoader } from '@kd/data';
import { combine, crossEntropy, tutorialLoss } from '@kd/losses';
import { splitBackbone } from '@kd/models';
import { adam, type EpochReport, evaluate, loadVariables, saveVariables, train } from '@kd/trainer';
import { dispose, type Tensor2D, tensor2d, tidy } from '@tensorflow/tfjs-core';
import { type RunContext, type StageContext, stageStore } from './context.ts';
import type { TrainingJob } from './jobs.ts';
import { buildNetwork, buildPretrained, loadTrained } from './networks.ts';

/**
 * Trains a job's network as published.
 * @param onEpoch Called after each epoch with all epochs so far.
 * @returns All epochs.
 */
export async function trainAsPublished(
  context: StageContext,
  job: TrainingJob,
  onEpoch: (epochs: readonly EpochReport[]) => Promise<void>,
): Promise<EpochReport[]> {
  const { writer, images, signal, log } = context;
  const weights = job.training.backbone?.weights;
  const isTeacher = job.role === 'teacher';
  const network =
    weights === undefined
      ? buildNetwork(context, job)
      : await buildPretrained(context, job, weights);
  const setup = await setUpPublished(context, job.teacher);
  const history: EpochReport[] = [];
  try {
    const testSet = dataLoader(images.test, {
      batchSize: writer.record.config.optimizer.batchSize,
    });
    let best = { top1: -1, bytes: await saveVariables(network) };
    for (let epoch = 1; epoch <= job.training.epochs; epoch++) {
      const options = {
        student: isTeacher ? withTrainableHead(network) : network,
        objective: setup.objective,
        teacher: setup.createTeacher(),
        // Names the random stream: another text gives other numbers.
        data: shuffledLoader(context, deriveSeed(job.seed, 'printed', epoch)),
      };
      for await (const report of train({
        ...options,
        optimizer: adam(),
        learningRate: job.training.peakRate,
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
          `${job.title} ${epoch}/${job.training.epochs}: ${(100 * validation.top1).toFixed(1)} % of the test set, ${report.imagesPerSecond.toFixed(0)} images/s`,
        );
        await onEpoch(history);
      }
    }
    await stageStore(context, job.name).write('best.safetensors', await saveVariables(network));
    return history;
  } finally {
    setup.end();
    network.dispose();
  }
}

/** An objective, and a teacher for each epoch. */
interface PublishedSetup {
  readonly objective: Objective;
  readonly createTeacher: () => Teacher | undefined;
  end(): void;
}

async function setUpPublished(
  context: StageContext,
  from: TrainingJob | undefined,
): Promise<PublishedSetup> {
  if (from === undefined)
    return {
      objective: combine({ labels: crossEntropy() }),
      createTeacher: () => undefined,
      end() {},
    };
  const network = await loadTrained(context, from);
  try {
    // Names the random stream: another text gives other numbers.
    const pass = shuffledLoader(context, deriveSeed(from.seed, 'outputs', 0));
    const outputs = await outputsByBatch(network, pass);
    return {
      objective: combine({ tutorial: tutorialLoss() }),
      createTeacher: () => misalignedTeacher(outputs),
      end: () => dispose(outputs),
    };
  } finally {
    network.dispose();
  }
}

function shuffledLoader({ writer, images }: RunContext, seed: number): DataLoader {
  return dataLoader(images.train, {
    batchSize: writer.record.config.optimizer.batchSize,
    seed,
  });
}

/**
 * A network as PyTorch has it after `requires_grad = False` on its backbone and `model.train()` on
 * the whole: gradients reach the head alone, but the backbone runs with the statistics of each
 * batch, and its running averages move.
 */
function withTrainableHead(network: Network): Network {
  const running = Object.entries(network.weights).filter(([, weight]) => !weight.trainable);
  const { name = 'network', preprocessing = '', forward, dispose: free } = network;
  return {
    name,
    preprocessing,
    weights: { ...Object.fromEntries(running), ...splitBackbone(network).head.weights },
    forward,
    dispose: free,
  };
}

/**
 * Computes a network's logits for every batch of one shuffled pass.
 * @returns [batch, classes] by batch number.
 */
async function outputsByBatch(network: Network, source: DataLoader): Promise<Tensor2D[]> {
  const outputs: Tensor2D[] = [];
  for await (const { images } of source.epoch(0)) {
    const logits = tidy(() => network.forward(images, { training: false }).logits);
    outputs.push(tensor2d(await logits.data(), logits.shape));
    dispose(logits);
  }
  return outputs;
}

/** A teacher that returns the logits of the batch with the same number in another pass. */
function misalignedTeacher(outputs: readonly Tensor2D[]): Teacher {
  const numbers = new WeakMap<Batch, number>();
  let next = 0;
  return (batch) => {
    const number = numbers.get(batch) ?? next++;
    numbers.set(batch, number);
    const logits = outputs[number % outputs.length] as Tensor2D;
    return { logits: logits.clone(), features: {} };
  };
}
