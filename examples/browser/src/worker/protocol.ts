import type { Manifest } from '../model/manifest.ts';
import type { Lesson, TeachingProgress } from '../model/teach.ts';
import type { BrowserEngine } from './startEngine.ts';

/** A network of `model.json`. */
export type RoleName = 'student' | 'teacher';

/** Weights of student and teacher for classes of a visitor, as safetensors. */
export interface TaughtModel {
  readonly classNames: readonly string[];
  readonly student: Uint8Array<ArrayBuffer>;
  readonly teacher: Uint8Array<ArrayBuffer>;
}

/** What the worker is asked for. All of it runs beside the page, which stays usable. */
export interface StudentWorker {
  /** Starts WebAssembly and loads the student. @param modelUrl Address of `model.json`. */
  open(modelUrl: string): Promise<Manifest>;
  /**
   * Decodes a picture as it is and makes an image of it for the networks.
   * @returns uint8 [height, width, 3] flattened. @throws Error on a file that is no picture.
   */
  preparePicture(picture: Blob | ImageBitmap): Promise<Uint8Array<ArrayBuffer>>;
  /** Computes the logits of an image. The teacher is loaded when it is first asked. */
  computeLogits(role: RoleName, pixels: Uint8Array): Promise<Float32Array>;
  /** Takes over taught networks, or the first ones again. */
  useModel(model: TaughtModel | undefined): Promise<void>;
  /** Writes the current student as an ONNX file. */
  writeOnnx(): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Teaches new classes, in a worker of its own: it may compute on another engine.
   * @param modelUrl Address of `model.json`. @param engine The fastest if left out.
   */
  teach(modelUrl: string, lesson: Lesson, engine?: BrowserEngine): Promise<TaughtModel>;
}

/** What the worker reports while it works. */
export type WorkerEvent =
  | {
      readonly kind: 'download';
      readonly role: RoleName;
      readonly loaded: number;
      readonly total: number;
    }
  | { readonly kind: 'engine'; readonly name: string }
  | { readonly kind: 'teaching'; readonly progress: TeachingProgress };

/** A call on its way to the worker. */
export interface Call {
  readonly id: number;
  readonly method: keyof StudentWorker;
  readonly parameters: readonly unknown[];
}

/** What comes back: an event, or the end of a call. */
export type Reply =
  | { readonly event: WorkerEvent }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
