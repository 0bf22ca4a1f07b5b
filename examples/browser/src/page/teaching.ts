import type { Manifest } from '../model/manifest.ts';
import type { Lesson, TeachingProgress } from '../model/teach.ts';
import { startWorker, type WorkerClient } from '../worker/client.ts';
import type { TaughtModel, WorkerEvent } from '../worker/protocol.ts';
import type { BrowserEngine } from '../worker/startEngine.ts';
import { drawCurve } from './curve.ts';
import { find, formatPercent } from './elements.ts';
import {
  createLessonsView,
  describeMissing,
  type LessonClass,
  type LessonsOptions,
  type LessonsView,
} from './lessons.ts';
import { createStatus } from './status.ts';

/** Parts of the page that teaching needs. */
export interface TeachingOptions extends Omit<LessonsOptions, 'onChange'> {
  /** Resolves when the student is loaded. */
  readonly opening: Promise<Manifest>;
  readonly modelUrl: string;
  /** The engine to learn on; the fastest if left out. */
  readonly engine?: BrowserEngine;
  /** Called with what was learned, or with nothing if the first student is to answer again. */
  readonly onTaught: (model: TaughtModel | undefined) => Promise<void>;
}

/** Makes the part of the page in which the student learns new things. */
export function createTeaching(options: TeachingOptions): LessonsView {
  const { onTaught } = options;
  const status = createStatus('teach-status');
  const [start, stop] = [
    find('start-teaching', HTMLButtonElement),
    find('stop-teaching', HTMLButtonElement),
  ];
  const forget = find('forget', HTMLButtonElement);
  const lessons = createLessonsView({
    ...options,
    onChange: (problem) => (problem === undefined ? status.say('') : status.sayError(problem)),
  });
  const setBusy = (isBusy: boolean): void => {
    lessons.setDisabled(isBusy);
    start.hidden = isBusy;
    stop.hidden = !isBusy;
    forget.disabled = isBusy;
    (isBusy ? stop : start).focus();
  };
  const run = async (): Promise<void> => {
    const classes = lessons.classes();
    const missing = describeMissing(classes);
    if (missing !== undefined) return status.sayError(missing);
    const curve = watchTeaching(status.say);
    const worker = startWorker(curve.onEvent);
    const onStop = () => worker.stop();
    stop.addEventListener('click', onStop, { once: true });
    setBusy(true);
    try {
      const model = await teach(worker, options, classes);
      await onTaught(model);
      forget.hidden = false;
      status.say(curve.summary());
    } catch (error) {
      if (error instanceof Error && error.message === 'stopped')
        status.say('Stopped. The student is as it was.');
      else status.sayError(error);
    } finally {
      stop.removeEventListener('click', onStop);
      worker.stop();
      setBusy(false);
    }
  };
  start.addEventListener('click', run);
  forget.addEventListener('click', async () => {
    forget.hidden = true;
    start.focus();
    await onTaught(undefined);
    status.say('The first student answers again.');
  });
  return lessons;
}

async function teach(
  worker: WorkerClient,
  { opening, modelUrl, engine }: TeachingOptions,
  classes: readonly LessonClass[],
): Promise<TaughtModel> {
  const { imageShape, temperature } = await opening;
  const pictures = classes.flatMap((lessonClass) => lessonClass.pictures);
  const size = imageShape[0] * imageShape[1] * imageShape[2];
  const pixels = new Uint8Array(pictures.length * size);
  for (const [at, picture] of pictures.entries()) pixels.set(picture, at * size);
  const lesson: Lesson = {
    classNames: classes.map(({ name }) => name),
    labels: classes.flatMap((lessonClass, label) => lessonClass.pictures.map(() => label)),
    pixels,
    imageShape,
    temperature,
  };
  return worker.teach(modelUrl, lesson, engine);
}

/** Draws the curve from what a worker reports, and says who learns. */
function watchTeaching(say: (text: string) => void): {
  readonly onEvent: (event: WorkerEvent) => void;
  readonly summary: () => string;
} {
  const figure = find('curve-figure', HTMLElement);
  const points: TeachingProgress[] = [];
  const started = performance.now();
  let engine = '';
  say('Getting ready…');
  return {
    onEvent(event) {
      if (event.kind === 'engine') engine = event.name;
      if (event.kind !== 'teaching') return;
      const { progress } = event;
      if (progress.learner === 'teacher') {
        if (progress.epoch === 0) say(`The teacher looks at your pictures, on ${engine}…`);
        return;
      }
      points.push(progress);
      if (progress.epoch === 0) {
        say(`The student learns from the teacher and your labels, on ${engine}…`);
        figure.hidden = false;
        figure.scrollIntoView({ block: 'nearest' });
      }
      drawCurve(points);
    },
    summary() {
      const seconds = Math.max(1, Math.round((performance.now() - started) / 1000));
      const [first, last] = [points[0], points.at(-1)];
      return `Learned in ${seconds} s: it names ${formatPercent(last?.accuracy ?? 0)} of your pictures correctly, before ${formatPercent(first?.accuracy ?? 0)}. Show it a new one.`;
    },
  };
}
