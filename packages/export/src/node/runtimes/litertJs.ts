import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { importOptional } from '@kd/core/node';
import { litertProgram } from './litertProgram.ts';
import type { Answers, LoadedModel, Runtime } from './runtime.ts';

/**
 * Opens LiteRT.js, as browsers have it, by WebAssembly in a thread of Node.
 * @throws RangeError where @litertjs/core is not installed.
 */
export async function openLiteRtJs(): Promise<Runtime> {
  const name = '@litertjs/core';
  const module = await importOptional('kd export', name, async () => import.meta.resolve(name));
  const directory = path.join(path.dirname(fileURLToPath(module)), '..', 'wasm', path.sep);
  const manifest = new URL('../package.json', module);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string };
  return {
    name: 'LiteRT.js',
    version,
    settings: 'WebAssembly in Node, 1 thread, image by image',
    load: (file) =>
      loadFile({ module: pathToFileURL(fileURLToPath(module)).href, directory }, file),
  };
}

async function loadFile(workerData: object, file: string): Promise<LoadedModel> {
  // What it prints about its start is no output of ours.
  const silent = { stdout: true, stderr: true } as const;
  const thread = new Worker(litertProgram, { eval: true, workerData, execArgv: [], ...silent });
  thread.stdout.resume();
  thread.stderr.resume();
  const waiting: { resolve(answer: unknown): void; reject(error: Error): void }[] = [];
  const fail = (error: Error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  thread.on('message', (answer: object) => {
    if ('refused' in answer) waiting.shift()?.reject(new Error(String(answer.refused)));
    else waiting.shift()?.resolve(answer);
  });
  thread.on('error', fail);
  thread.on('exit', (code) => fail(new Error(`its thread ended with ${code}`)));
  const request = <Message>(message: object, moved: readonly ArrayBuffer[] = []) =>
    new Promise<Message>((resolve, reject) => {
      waiting.push({ resolve: resolve as (answer: unknown) => void, reject });
      thread.postMessage(message, [...moved]);
    });
  try {
    const { milliseconds } = await request<{ readonly milliseconds: number }>({ file });
    return {
      loadMilliseconds: milliseconds,
      run(images, batch): Promise<Answers> {
        const copy = images.slice();
        return request<Answers>({ images: copy, batch }, [copy.buffer]);
      },
      close: async () => void (await thread.terminate()),
    };
  } catch (error) {
    await thread.terminate();
    throw error;
  }
}
