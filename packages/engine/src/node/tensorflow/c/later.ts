/**
 * libuv has 4 threads unless UV_THREADPOOL_SIZE says otherwise: one stays free for files. koffi
 * refuses calls beyond some hundreds.
 */
const most = 3;

const waiting: (() => void)[] = [];
const running = new Set<symbol>();

/**
 * Calls a function of the C API on a thread of libuv's pool, in turn where many are asked for. What
 * it is given must live until then.
 */
export async function callLater<Arguments extends readonly unknown[], Result>(
  call: (...args: Arguments) => Result,
  ...args: Arguments
): Promise<Result> {
  if (running.size >= most) await new Promise<void>((resolve) => waiting.push(resolve));
  const own = Symbol();
  running.add(own);
  const { async: later } = call as unknown as {
    async(...args: [...Arguments, (error: Error | null, result: Result) => void]): void;
  };
  try {
    return await new Promise((resolve, reject) =>
      later(...args, (error, result) => (error ? reject(error) : resolve(result))),
    );
  } finally {
    running.delete(own);
    waiting.shift()?.();
  }
}
