import { SingleBar } from 'cli-progress';
import type { Progress, ProgressFactory } from '../contracts.ts';
import { type ProgressState, progressLine } from './progressLine.ts';
import { type RateMeter, rateMeter } from './rateMeter.ts';

/** A terminal, a file or a pipe. */
export type ProgressStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

const secondsBetweenLines = 5;
const barLength = 24;

/**
 * Progress for people. In a terminal: one line that is drawn again and again, with a bar, rate,
 * time left and note.
 * Elsewhere: plain lines, at most one in 5 seconds, and the last.
 */
export function createProgress(stream: ProgressStream = process.stderr): ProgressFactory {
  return (label, total, unit) =>
    (stream.isTTY ? drawnBar : plainLines)(stream, startState(label, total, unit));
}

interface Running {
  state: ProgressState;
  readonly opened: number;
  readonly meter: RateMeter;
}

function startState(label: string, total: number, unit: string): Running {
  const running = {
    state: { label, done: 0, total, unit, rate: 0, seconds: 0, ended: false, note: '' },
    opened: now(),
    meter: rateMeter(),
  };
  running.meter.add(running.opened, 0);
  return running;
}

function now(): number {
  return performance.now() / 1000;
}

function advance(running: Running, done: number, note: string | undefined): void {
  running.meter.add(now(), done);
  running.state = {
    ...running.state,
    done,
    rate: running.meter.rate(),
    seconds: now() - running.opened,
    note: note ?? running.state.note,
  };
}

function finish(running: Running, note: string | undefined): void {
  const { done, note: before } = running.state;
  const seconds = now() - running.opened;
  running.state = {
    ...running.state,
    rate: seconds > 0 ? done / seconds : 0,
    seconds,
    ended: true,
    note: note ?? before,
  };
}

function plainLines(stream: ProgressStream, running: Running): Progress {
  let lastLine = running.opened;
  const write = (): void => void stream.write(`${progressLine(running.state, 0)}\n`);
  return {
    update: (done, note) => {
      if (running.state.ended) return;
      advance(running, done, note);
      if (now() - lastLine < secondsBetweenLines) return;
      lastLine = now();
      write();
    },
    end: (note) => {
      if (running.state.ended) return;
      finish(running, note);
      write();
    },
  };
}

function drawnBar(stream: ProgressStream, running: Running): Progress {
  // Terminals without a size say 0 columns.
  const draw = (): string =>
    progressLine(running.state, barLength).slice(0, Math.max((stream.columns || 80) - 1, 20));
  // Ctrl-C is not this line's affair, and lines are cut here: the terminal's own settings stay as
  // they are.
  const bar = new SingleBar({
    stream,
    format: draw,
    gracefulExit: false,
    linewrap: true,
    hideCursor: false,
    fps: 10,
  });
  bar.start(running.state.total, 0);
  return {
    update: (done, note) => {
      if (running.state.ended) return;
      advance(running, done, note);
      bar.update(done);
    },
    end: (note) => {
      if (running.state.ended) return;
      finish(running, note);
      bar.stop();
    },
  };
}
