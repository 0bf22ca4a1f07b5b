import type { Manifest } from '../model/manifest.ts';
import type { WorkerClient } from '../worker/client.ts';
import { type AnswersView, describeAnswer } from './answers.ts';
import type { Camera } from './camera.ts';
import { drawPixels, find } from './elements.ts';
import type { Status } from './status.ts';

/** Time between two frames of the camera, and between two that are read out, ms. */
const [frameInterval, sentenceInterval] = [150, 2_000];

/** Parts of the page that looking needs. */
export interface LookingOptions {
  readonly worker: WorkerClient;
  readonly answers: AnswersView;
  /** Resolves when the student is loaded. */
  readonly opening: Promise<Manifest>;
  readonly camera: Camera;
  readonly status: Status;
}

/** Shows pictures and what student and teacher say about them. */
export interface Looking {
  /** Shows a picture from a file. It may be called before the student is loaded. */
  look(file: Blob): Promise<void>;
  /** Shows what the camera sees until it is off. */
  watchCamera(): Promise<void>;
  /** Asks about the last picture again: the networks are others now. */
  lookAgain(classNames: readonly string[]): Promise<void>;
}

/** What is shown at the moment. */
interface Shown {
  /** Number of pictures so far: an answer about an earlier one is dropped. */
  count: number;
  /** Names of the classes that the networks know. */
  classNames: readonly string[];
  /** The last picture, as the networks get it. */
  pixels: Uint8Array | undefined;
  /** Address of the last file. */
  address: string;
  /** Number of times that the camera was watched: a loop that was begun before ends. */
  watches: number;
}

export function createLooking({
  worker,
  answers,
  opening,
  camera,
  status,
}: LookingOptions): Looking {
  const [stage, picture] = [find('stage', HTMLDivElement), find('picture', HTMLImageElement)];
  const [said, spoken] = [find('said', HTMLParagraphElement), find('spoken', HTMLParagraphElement)];
  const seen = find('seen', HTMLCanvasElement);
  const shown: Shown = { count: 0, classNames: [], pixels: undefined, address: '', watches: 0 };
  const ready = opening.then(({ classNames }) => {
    shown.classNames = classNames;
  });
  ready.catch(() => {}); // The page reports it, once.

  /**
   * Asks the networks about the picture of this number and shows what they say.
   * @param speak Gets the student's answer, for screen readers.
   */
  async function ask(number: number, speak: (sentence: string) => void): Promise<void> {
    await ready;
    const { pixels, classNames } = shown;
    if (pixels === undefined || number !== shown.count) return;
    drawPixels(seen, pixels);
    const answer = { classNames, student: await worker.computeLogits('student', pixels) };
    if (number !== shown.count) return;
    answers.show(answer);
    said.textContent = describeAnswer(answer);
    speak(said.textContent);
    performance.mark('answered');
    const teacher = await worker.computeLogits('teacher', pixels);
    if (number === shown.count) answers.show({ ...answer, teacher });
  }

  const askAndSay = async (number: number): Promise<void> => {
    await ask(number, (sentence) => {
      spoken.textContent = sentence;
    });
    if (number === shown.count) status.say('');
  };

  return {
    async look(file) {
      camera.stop();
      const number = ++shown.count;
      try {
        await ready;
        const pixels = await worker.preparePicture(file);
        if (number !== shown.count) return;
        URL.revokeObjectURL(shown.address);
        shown.address = URL.createObjectURL(file);
        shown.pixels = pixels;
        picture.src = shown.address;
        picture.hidden = false;
        picture.onload = () => picture.classList.toggle('small', picture.naturalWidth < 100);
        stage.classList.add('filled');
        await askAndSay(number);
      } catch (error) {
        if (number !== shown.count) return;
        const name = file instanceof File && file.name !== '' ? file.name : 'The picture';
        status.sayError(`${name}: ${error instanceof Error ? error.message : error}.`);
      }
    },

    async watchCamera() {
      const watch = ++shown.watches;
      const isWatching = () => camera.isOn() && watch === shown.watches;
      picture.hidden = true;
      stage.classList.add('filled');
      let spokenAt = Number.NEGATIVE_INFINITY;
      await ready;
      let number = shown.count;
      while (isWatching()) {
        number = ++shown.count;
        shown.pixels = await worker.preparePicture(await camera.takePicture());
        await ask(number, (sentence) => {
          const now = performance.now();
          if (now - spokenAt < sentenceInterval) return;
          spokenAt = now;
          spoken.textContent = sentence;
        });
        if (number === shown.count) status.say('The camera is on.');
        await new Promise((resolve) => setTimeout(resolve, frameInterval));
      }
      if (number !== shown.count || camera.isOn()) return;
      stage.classList.remove('filled');
      status.say('');
    },

    async lookAgain(classNames) {
      shown.classNames = classNames;
      if (shown.pixels === undefined) return;
      await askAndSay(++shown.count);
    },
  };
}
