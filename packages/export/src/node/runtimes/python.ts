import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { expectedError } from '@kd/core';
import { pythonProgram } from './pythonProgram.ts';
import type { Answers, LoadedModel, ModelInterface, Runtime } from './runtime.ts';

/** Packages of Python that run exported files: LiteRT's interpreter, PyTorch. */
const packages = {
  litert: {
    name: 'LiteRT (Python)',
    module: 'ai-edge-litert',
    install: 'ai-edge-litert numpy',
    settings: 'CPU, 1 thread, image by image',
  },
  torch: {
    name: 'PyTorch',
    module: 'torch',
    install: 'torch safetensors numpy',
    settings: 'CPU, 1 thread',
  },
} as const;

/**
 * Opens a runtime of Python: of the one that KD_PYTHON names, else python3, else python.
 * @throws RangeError where there is no Python, or it does not have the package.
 */
export async function openPython(kind: keyof typeof packages): Promise<Runtime> {
  const { name, module, install, settings } = packages[kind];
  const { KD_PYTHON } = process.env;
  const reasons: string[] = [];
  for (const python of KD_PYTHON ? [KD_PYTHON] : ['python3', 'python']) {
    const found = await probe(python, kind);
    if ('version' in found)
      return {
        name,
        version: found.version,
        settings,
        load: (file, model) => loadInPython(python, kind, file, model),
      };
    reasons.push(`${python}: ${found.missing}`);
  }
  throw expectedError(
    'kd export',
    `a Python with ${module}`,
    reasons[0],
    `KD_PYTHON names one that has it: pip install ${install}`,
  );
}

/** Asks a Python for the version of the package. */
async function probe(
  python: string,
  kind: keyof typeof packages,
): Promise<{ readonly version: string } | { readonly missing: string }> {
  const process = startPython(python, kind, '', []);
  try {
    return JSON.parse(await process.line()) as { version: string } | { missing: string };
  } catch (error) {
    return { missing: (error as Error).message };
  } finally {
    process.end();
  }
}

async function loadInPython(
  python: string,
  kind: keyof typeof packages,
  file: string,
  { imageShape }: ModelInterface,
): Promise<LoadedModel> {
  const process = startPython(python, kind, file, imageShape);
  const loaded = JSON.parse(await process.line()) as {
    readonly milliseconds?: number;
    readonly refused?: string;
    readonly missing?: string;
  };
  const { milliseconds, refused, missing } = loaded;
  if (milliseconds === undefined) {
    process.end();
    throw new Error(refused ?? missing ?? 'no answer');
  }
  return {
    loadMilliseconds: milliseconds,
    async run(images, batch): Promise<Answers> {
      const count = Buffer.alloc(4);
      count.writeUInt32LE(batch);
      process.write(count);
      process.write(Buffer.from(images.buffer, images.byteOffset, images.byteLength));
      const head = await process.read(12);
      const numbers = head.readUInt32LE(8);
      const values = new Float32Array(numbers);
      new Uint8Array(values.buffer).set(await process.read(4 * numbers));
      return { values, milliseconds: head.readDoubleLE(0) };
    },
    close: async () => process.end(),
  };
}

/** A Python that answers on its output. */
interface PythonProcess {
  write(bytes: Uint8Array): void;
  /** Resolves to the next bytes. @throws Error with what Python printed, where it ends before. */
  read(count: number): Promise<Buffer>;
  /** Resolves to the next line. */
  line(): Promise<string>;
  end(): void;
}

function startPython(
  python: string,
  kind: string,
  file: string,
  shape: readonly number[],
): PythonProcess {
  const child: ChildProcessWithoutNullStreams = spawn(
    python,
    ['-c', pythonProgram, kind, file, JSON.stringify(shape)],
    { stdio: 'pipe' },
  );
  const state = { bytes: Buffer.alloc(0), printed: '', failure: undefined as string | undefined };
  let wake = () => {};
  child.stdout.on('data', (chunk: Buffer) => {
    state.bytes = Buffer.concat([state.bytes, chunk]);
    wake();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    state.printed = (state.printed + text).slice(-4000);
  });
  // A Python that has ended takes no more requests; `read` has the reason.
  child.stdin.on('error', () => {});
  child.on('error', ({ message }) => {
    state.failure = message;
    wake();
  });
  child.on('close', () => {
    state.failure ??= state.printed.trim().split('\n').at(-1) || 'it ended';
    wake();
  });
  const take = async (lengthOf: (bytes: Buffer) => number): Promise<Buffer> => {
    for (;;) {
      const length = lengthOf(state.bytes);
      if (length > 0 && state.bytes.length >= length) {
        const taken = state.bytes.subarray(0, length);
        state.bytes = state.bytes.subarray(length);
        return taken;
      }
      if (state.failure !== undefined) throw new Error(state.failure);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    write: (bytes) => void child.stdin.write(bytes),
    read: (count) => take(() => count),
    line: async () => (await take((bytes) => bytes.indexOf('\n') + 1)).toString('utf8'),
    end() {
      child.stdin.end();
      child.kill();
    },
  };
}
