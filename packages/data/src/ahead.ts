/** A value that is made in a timer soon, or when asked for, whichever comes first. */
export interface Ahead<Value> {
  get(): Value;
  /** Forgets it, made or not. */
  cancel(): void;
}

/** @param make Called once at most. What it throws is thrown by `get`. */
export function prefetch<Value extends object>(make: () => Value): Ahead<Value> {
  let made: Value | undefined;
  const timer = setTimeout(() => {
    try {
      made = make();
    } catch {
      // get() makes it again and throws there, where somebody listens.
    }
  }, 0);
  return {
    get() {
      clearTimeout(timer);
      return made ?? make();
    },
    cancel() {
      clearTimeout(timer);
      made = undefined;
    },
  };
}
