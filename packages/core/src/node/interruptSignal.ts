/**
 * Ctrl-C as a signal: the first aborts it, so that a training can save and stop; the second ends
 * the process with code 130.
 * `dispose` gives Ctrl-C back.
 */
export function sigintSignal(): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  return { signal: controller.signal, dispose: () => void process.off('SIGINT', interrupt) };
}
