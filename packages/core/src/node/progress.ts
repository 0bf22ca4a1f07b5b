import type { ProgressFactory } from '../contracts.ts';
import { formatAmount, formatDuration } from '../format.ts';

/** A terminal, a file or a pipe. */
export type ProgressStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

const secondsBetweenLines = 5;
const secondsBetweenDraws = 0.1;
const barLength = 24;

/**
 * Creates a progress display for people. In a terminal it is one line that is redrawn, with a bar,
 * the rate, the time left and a message. In a file or pipe it is plain lines, at most one in 5
 * seconds, and the last one.
 */
export function createProgress(stream: ProgressStream = process.stderr): ProgressFactory {
  return (label, total, unit) => {
    const meter = rateMeter();
    const opened = now();
    meter.add(opened, 0);
    let state: ProgressState = {
      label,
      done: 0,
      total,
      unit,
      rate: 0,
      seconds: 0,
      ended: false,
      message: '',
    };
    const display = (stream.isTTY ? terminalLine : plainLines)(stream, opened);
    display.opened(state);
    return {
      update(done, message = state.message) {
        if (state.ended) return;
        meter.add(now(), done);
        state = { ...state, done, rate: meter.rate(), seconds: now() - opened, message };
        display.changed(state);
      },
      end(message = state.message) {
        if (state.ended) return;
        const seconds = now() - opened;
        const rate = seconds > 0 ? state.done / seconds : 0;
        state = { ...state, rate, seconds, ended: true, message };
        display.ended(state);
      },
    };
  };
}

interface Display {
  opened(state: ProgressState): void;
  changed(state: ProgressState): void;
  ended(state: ProgressState): void;
}

/** Redraws one line of a terminal; none of the terminal's settings is changed. */
function terminalLine(stream: ProgressStream): Display {
  let drawn = 0;
  const draw = (state: ProgressState): void => {
    drawn = now();
    // Terminals without a size have 0 columns. A longer line would wrap and not be overwritten.
    const width = Math.max((stream.columns || 80) - 1, 20);
    stream.write(`\r${progressLine(state, barLength).slice(0, width)}\x1b[K`);
  };
  return {
    opened: draw,
    changed: (state) => {
      if (now() - drawn >= secondsBetweenDraws) draw(state);
    },
    ended: (state) => {
      draw(state);
      stream.write('\n');
    },
  };
}

function plainLines(stream: ProgressStream, opened: number): Display {
  let written = opened;
  const write = (state: ProgressState): void => {
    written = now();
    stream.write(`${progressLine(state, 0)}\n`);
  };
  return {
    opened: () => {},
    changed: (state) => {
      if (now() - written >= secondsBetweenLines) write(state);
    },
    ended: write,
  };
}

/** Content of a progress line. */
export interface ProgressState {
  readonly label: string;
  readonly done: number;
  /** Unknown if it is not finite or not above 0; no percentage is shown then. */
  readonly total: number;
  readonly unit: string;
  /** Units per second; 0 if not known yet. */
  readonly rate: number;
  /** Seconds since it was opened. */
  readonly seconds: number;
  readonly ended: boolean;
  readonly message: string;
}

/**
 * Formats a progress line: `train 1  45 %  1,234 images/s  40 s left  loss 1.23`.
 * @param barLength Characters of a bar; 0: none.
 */
export function progressLine(state: ProgressState, barLength: number): string {
  const { label, done, total, unit, rate, seconds, ended, message } = state;
  const known = Number.isFinite(total) && total > 0;
  const fraction = known ? Math.min(Math.max(done / total, 0), 1) : 0;
  const left = (total - done) / rate;
  const parts = [
    label,
    known && barLength > 0 ? bar(fraction, barLength) : '',
    known ? `${Math.floor(fraction * 100)} %` : formatAmount(done, unit),
    rate > 0 ? `${formatAmount(rate, unit)}/s` : '',
    ended
      ? `in ${formatDuration(seconds)}`
      : known && rate > 0
        ? `${formatDuration(left)} left`
        : '',
    message,
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function bar(fraction: number, length: number): string {
  const full = Math.floor(fraction * length);
  return '█'.repeat(full) + '░'.repeat(length - full);
}

/**
 * Seconds over which a rate is measured: long enough to be steady, short enough to forget a slow
 * start or the part that was done before a resume.
 */
const rateWindow = 20;
const secondsBetweenSamples = 0.5;

/** Measures the current rate of something. */
export interface RateMeter {
  /** @param seconds Time on any clock that goes forward. */
  add(seconds: number, done: number): void;
  /** Returns units per second over the last 20 s; 0 if not known yet. */
  rate(): number;
}

/** Creates a rate meter without samples. */
export function rateMeter(): RateMeter {
  const samples: { seconds: number; done: number }[] = [];
  return {
    add(seconds, done) {
      const before = samples.at(-2);
      if (before !== undefined && seconds - before.seconds < secondsBetweenSamples) samples.pop();
      samples.push({ seconds, done });
      const isOld = ({ seconds: time }: { seconds: number }) => seconds - time >= rateWindow;
      while (samples.length > 2 && isOld(samples[1] as (typeof samples)[number])) samples.shift();
    },
    rate() {
      const [first, last] = [samples[0], samples.at(-1)];
      if (first === undefined || last === undefined || last.seconds <= first.seconds) return 0;
      return Math.max((last.done - first.done) / (last.seconds - first.seconds), 0);
    },
  };
}

function now(): number {
  return performance.now() / 1000;
}
