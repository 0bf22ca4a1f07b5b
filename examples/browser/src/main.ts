import './styles/page.css';
import './styles/parts.css';
import type { Manifest } from './model/manifest.ts';
import { createAnswersView } from './page/answers.ts';
import { createCamera } from './page/camera.ts';
import { acceptDrops, create, find, formatBytes, formatPercent } from './page/elements.ts';
import { createLooking } from './page/looking.ts';
import { createStatus } from './page/status.ts';
import { createTeaching } from './page/teaching.ts';
import { startWorker } from './worker/client.ts';
import type { BrowserEngine } from './worker/startEngine.ts';

const modelUrl = new URL('model/model.json', document.baseURI).href;
/** `?engine=wasm` or `?engine=webgpu`: what the student learns on. */
const engine = new URLSearchParams(location.search).get('engine') as BrowserEngine | null;

/** Wires the page: the answers, the camera, the lessons, and the file to take home. */
function startPage(): void {
  const status = createStatus('status');
  const worker = startWorker((event) => {
    if (event.kind !== 'download') return;
    const { role, loaded, total } = event;
    const amount = `${formatBytes(loaded)} of ${formatBytes(total)}`;
    status.say(loaded < total ? `Loading the ${role}: ${amount}` : `Starting the ${role}…`);
  });
  const opening = worker.open(modelUrl);
  const answers = createAnswersView();

  const cameraButton = find('use-camera', HTMLButtonElement);
  const camera = createCamera(
    [find('camera', HTMLVideoElement), find('teach-camera', HTMLVideoElement)],
    (isOn) => {
      cameraButton.textContent = isOn ? 'Camera off' : 'Use the camera';
      lessons.setCamera(isOn);
    },
  );
  const looking = createLooking({ worker, answers, opening, camera, status });
  const startCamera = async (): Promise<void> => {
    try {
      await camera.start();
      looking.watchCamera().catch(status.sayError);
    } catch (error) {
      status.sayError(error);
    }
  };
  cameraButton.addEventListener('click', () => (camera.isOn() ? camera.stop() : startCamera()));
  choosePictures(looking.look);

  const prepare = async (picture: Blob | ImageBitmap): Promise<Uint8Array> => {
    await opening;
    return worker.preparePicture(picture);
  };
  const lessons = createTeaching({
    opening,
    modelUrl,
    openFile: prepare,
    async takePicture() {
      if (camera.isOn()) return prepare(await camera.takePicture());
      await startCamera();
      return undefined;
    },
    async onTaught(model) {
      const classNames = model?.classNames ?? (await opening).classNames;
      await worker.useModel(model);
      describeKnown(classNames);
      await looking.lookAgain(classNames);
    },
    ...(engine !== null && { engine }),
  });

  const onOpen = async (manifest: Manifest): Promise<void> => {
    status.say('Ready. Pick a picture, or try a small one.');
    answers.setTemperature(manifest.temperature);
    describeModel(manifest);
    offerExamples(manifest, looking.look);
    offerDownload(worker.writeOnnx, status);
    await keepOffline(() => {
      find('offline', HTMLParagraphElement).textContent =
        'Works without a network from now on. Nothing is sent anywhere.';
    });
  };
  opening
    .then(onOpen)
    .catch((error: Error) => status.sayError(`${error.message}. Reload the page to try again.`));
}

/** Takes pictures that are chosen, or dropped anywhere. */
function choosePictures(onPicture: (file: File) => void): void {
  const choose = find('choose', HTMLInputElement);
  choose.addEventListener('change', () => {
    const [file] = choose.files ?? [];
    if (file !== undefined) onPicture(file);
    choose.value = '';
  });
  acceptDrops(document.body, ([file]) => file !== undefined && onPicture(file));
}

/** Says what the model is and knows. */
function describeModel({ student, teacher, classNames, dataset }: Manifest): void {
  const times = Math.round(teacher.parameters / student.parameters);
  const weights = student.parameters.toLocaleString('en');
  find('about', HTMLParagraphElement).textContent =
    `A network of ${weights} weights, taught by one ${times} times as large. Pictures stay on this device.`;
  describeKnown(classNames);
  const images = dataset.replace(/ train$/, '');
  find('models', HTMLParagraphElement).textContent =
    `Student: ${student.name}, ${formatPercent(student.accuracy)} of the test pictures of ${images}; teacher: ${teacher.name}, ${formatPercent(teacher.accuracy)}.`;
}

function describeKnown(classNames: readonly string[]): void {
  find('known', HTMLParagraphElement).textContent =
    `It knows ${classNames.join(', ')}, and nothing else.`;
}

/** Offers pictures to try. @param onPicture Called with the chosen one. */
function offerExamples({ examples }: Manifest, onPicture: (file: Blob) => void): void {
  find('examples', HTMLFieldSetElement).replaceChildren(
    ...examples.map(({ file, className }) => {
      const src = new URL(file, modelUrl).href;
      const image = create('img', { src, alt: `Try the ${className}`, width: 32, height: 32 });
      const button = create('button', { type: 'button' }, image);
      button.addEventListener('click', async () => onPicture(await (await fetch(src)).blob()));
      return button;
    }),
  );
}

/** Makes the student a file to take home. */
function offerDownload(
  write: () => Promise<Uint8Array<ArrayBuffer>>,
  status: ReturnType<typeof createStatus>,
): void {
  const button = find('download-onnx', HTMLButtonElement);
  button.disabled = false;
  button.addEventListener('click', async () => {
    try {
      const href = URL.createObjectURL(new Blob([await write()]));
      create('a', { href, download: 'student.onnx' }).click();
      setTimeout(() => URL.revokeObjectURL(href), 60_000);
    } catch (error) {
      status.sayError(error);
    }
  });
}

/**
 * Keeps the page for use without a network, once it has nothing better to do.
 * @param onKept Called when every file is kept.
 */
async function keepOffline(onKept: () => void): Promise<void> {
  if (!__IS_BUNDLED__ || !('serviceWorker' in navigator)) return;
  try {
    await navigator.serviceWorker.register(new URL('service-worker.js', document.baseURI));
    await navigator.serviceWorker.ready;
    onKept();
  } catch {
    // Private windows and full disks refuse; the page works as long as there is a network.
  }
}

startPage();
