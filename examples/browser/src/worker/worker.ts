import type { Call, Reply, StudentWorker, WorkerEvent } from './protocol.ts';
import { createStudent } from './student.ts';

const post = (reply: Reply): void => self.postMessage(reply);
const student: StudentWorker = createStudent((event: WorkerEvent) => post({ event }));

self.addEventListener('message', async ({ data }: MessageEvent<Call>) => {
  const { id, method, parameters } = data;
  try {
    const run = student[method] as (...parameters: readonly unknown[]) => Promise<unknown>;
    post({ id, result: await run(...parameters) });
  } catch (error) {
    post({ id, error: error instanceof Error ? error.message : String(error) });
  }
});
