/**
 * Seconds that a rate looks back: long enough to be steady, short enough to forget a slow start or
 * the part done before a resume.
 */
const lookBack = 20;
const spacing = 0.5;

/** Measures how fast something goes now. */
export interface RateMeter {
  /** @param seconds On any clock that goes forward. */
  add(seconds: number, done: number): void;
  /** In a second, over the last 20 s; 0 where nothing is known. */
  rate(): number;
}

export function rateMeter(): RateMeter {
  const samples: { seconds: number; done: number }[] = [];
  return {
    add: (seconds, done) => {
      const before = samples.at(-2);
      if (before !== undefined && seconds - before.seconds < spacing) samples.pop();
      samples.push({ seconds, done });
      while (
        samples.length > 2 &&
        seconds - (samples[1] as { seconds: number }).seconds >= lookBack
      )
        samples.shift();
    },
    rate: () => {
      const first = samples[0];
      const last = samples.at(-1);
      if (first === undefined || last === undefined || last.seconds <= first.seconds) return 0;
      return Math.max((last.done - first.done) / (last.seconds - first.seconds), 0);
    },
  };
}
