import type { Network } from '@kd/core';
import { computeLogits, loadNetwork } from '../model/classifier.ts';
import { type Manifest, type NetworkEntry, parseManifest } from '../model/manifest.ts';
import { decodePicture } from './decodePicture.ts';
import { download } from './download.ts';
import type { RoleName, StudentWorker, WorkerEvent } from './protocol.ts';
import { startBrowserEngine } from './startEngine.ts';

/** Student and teacher that answer; each is loaded once, when it is first needed. */
interface Model {
  readonly classNames: readonly string[];
  readonly student: () => Promise<Network>;
  readonly teacher: () => Promise<Network>;
}

/** What `open` found. */
interface Opened {
  readonly manifest: Manifest;
  /** The model of the files. */
  readonly first: Model;
  /** The model that answers. */
  readonly current: Model;
}

/** Creates the worker's side of the protocol. @param report Called with what it reports. */
export function createStudent(report: (event: WorkerEvent) => void): StudentWorker {
  let opened: Opened | undefined;
  const expectOpened = (): Opened => {
    if (opened === undefined) throw new Error('The student is not loaded yet.');
    return opened;
  };
  return {
    async open(modelUrl) {
      const engine = startBrowserEngine('wasm');
      engine.catch(() => {}); // It is awaited below; a file that is missing is reported first.
      const manifest = await downloadManifest(modelUrl);
      const load = async (role: RoleName) => {
        const bytes = await downloadWeights(manifest[role], role, modelUrl, report);
        await engine;
        return loadNetwork(manifest[role], bytes, { classes: manifest.classNames.length });
      };
      const first: Model = {
        classNames: manifest.classNames,
        student: once(() => load('student')),
        teacher: once(() => load('teacher')),
      };
      await first.student();
      opened = { manifest, first, current: first };
      return manifest;
    },

    async preparePicture(picture) {
      const { recipe, imageShape } = expectOpened().manifest;
      return decodePicture(picture, imageShape[0], recipe);
    },

    async computeLogits(role, pixels) {
      const { manifest, current } = expectOpened();
      return computeLogits(await current[role](), pixels, manifest.imageShape);
    },

    async useModel(model) {
      const { manifest, first, current } = expectOpened();
      const load = (role: RoleName, bytes: Uint8Array) =>
        once(() => loadNetwork(manifest[role], bytes, { classes: model?.classNames.length ?? 0 }));
      const next: Model =
        model === undefined
          ? first
          : {
              classNames: model.classNames,
              student: load('student', model.student),
              teacher: load('teacher', model.teacher),
            };
      await Promise.all([next.student(), next.teacher()]);
      opened = { manifest, first, current: next };
      if (current !== first && current !== next)
        for (const network of [await current.student(), await current.teacher()]) network.dispose();
    },

    async writeOnnx() {
      const { manifest, current } = expectOpened();
      const { writeOnnx } = await import('./writeOnnx.ts');
      return writeOnnx(await current.student(), current.classNames, manifest.imageShape);
    },

    async teach(modelUrl, lesson, engine) {
      const [manifest, { teachFromFiles }, { name, device }] = await Promise.all([
        downloadManifest(modelUrl),
        import('./teachFromFiles.ts'),
        startBrowserEngine(engine),
      ]);
      report({ kind: 'engine', name: name === 'wasm' ? 'WebAssembly' : `WebGPU, ${device}` });
      const [student, teacher] = await Promise.all(
        (['student', 'teacher'] as const).map((role) =>
          downloadWeights(manifest[role], role, modelUrl, report),
        ),
      );
      const files = { student: student as Uint8Array, teacher: teacher as Uint8Array };
      return teachFromFiles(manifest, files, lesson, (progress) =>
        report({ kind: 'teaching', progress }),
      );
    },
  };
}

async function downloadManifest(modelUrl: string): Promise<Manifest> {
  return parseManifest(new TextDecoder().decode(await download(modelUrl)));
}

function downloadWeights(
  { file, bytes }: NetworkEntry,
  role: RoleName,
  modelUrl: string,
  report: (event: WorkerEvent) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  return download(new URL(file, modelUrl), (loaded) =>
    report({ kind: 'download', role, loaded, total: bytes }),
  );
}

/** Runs a function when its result is first needed, and again only if it failed. */
function once<Result>(run: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | undefined;
  return () => {
    running ??= run().catch((error: unknown) => {
      running = undefined;
      throw error;
    });
    return running;
  };
}
