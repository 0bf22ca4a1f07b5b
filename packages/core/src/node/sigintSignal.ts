/**
 * Turns Ctrl-C into an abort signal. The first Ctrl-C aborts the signal, so that a training can
 * save
 * its state and stop; the second ends the process with code 130. `dispose` restores the default
 * behaviour of Ctrl-C.
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
