/** A camera that is on or off, shown in several places. */
export interface Camera {
  readonly isOn: () => boolean;
  /** Turns it on. @throws Error that says in plain words why there is no picture. */
  start(): Promise<void>;
  stop(): void;
  /** The current frame, at the camera's own size. */
  takePicture(): Promise<ImageBitmap>;
}

/** Whether a stream is there, is being opened, or neither. */
interface State {
  stream: MediaStream | undefined;
  starting: Promise<void> | undefined;
}

/**
 * Creates the camera; nothing is asked of the visitor before `start`.
 * @param videos Show what it sees. @param onChange Called when it went on or off.
 */
export function createCamera(
  videos: readonly [HTMLVideoElement, ...HTMLVideoElement[]],
  onChange: (isOn: boolean) => void,
): Camera {
  const state: State = { stream: undefined, starting: undefined };
  const show = (stream: MediaStream | undefined): void => {
    state.stream = stream;
    for (const video of videos) {
      video.srcObject = stream ?? null;
      video.hidden = stream === undefined;
    }
    onChange(stream !== undefined);
  };
  const open = async (): Promise<void> => {
    const stream = await openStream();
    // Unplugged, or taken away by the visitor in the browser's own window.
    for (const track of stream.getTracks()) track.addEventListener('ended', () => show(undefined));
    show(stream);
    await Promise.all(videos.map((video) => video.play()));
  };
  return {
    isOn: () => state.stream !== undefined,
    async start() {
      if (state.stream !== undefined) return;
      state.starting ??= open().finally(() => {
        state.starting = undefined;
      });
      await state.starting;
    },
    stop() {
      for (const track of state.stream?.getTracks() ?? []) track.stop();
      show(undefined);
    },
    takePicture: () => createImageBitmap(videos[0], { colorSpaceConversion: 'none' }),
  };
}

async function openStream(): Promise<MediaStream> {
  // Browsers hide the cameras from pages that came over plain http from another machine.
  if (navigator.mediaDevices === undefined)
    throw new Error('The camera needs a page over https. Pictures from files work here.');
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { facingMode: 'environment', width: { ideal: 640 }, height: { ideal: 480 } },
    });
  } catch (error) {
    throw new Error(explain(error instanceof DOMException ? error.name : ''), { cause: error });
  }
}

function explain(name: string): string {
  if (name === 'NotAllowedError')
    return 'The camera is not allowed here. Allow it in the browser’s address bar, or pick a picture.';
  if (name === 'NotFoundError' || name === 'OverconstrainedError')
    return 'There is no camera here. Pick a picture instead.';
  if (name === 'NotReadableError' || name === 'AbortError')
    return 'Another program uses the camera. Close it and try again.';
  return 'The camera could not be started. Pick a picture instead.';
}
