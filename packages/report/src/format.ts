import type { DistillationRecord } from './runRecord.ts';
import type { Spread } from './summary.ts';

/** `73.0 %`. @param fraction 0–1. */
export function percent(fraction: number, digits = 1): string {
  return `${(100 * fraction).toFixed(digits)} %`;
}

/** `73.0 ± 0.2 %`, without a spread `73.0 %`. */
export function percentSpread({ mean, deviation }: Spread, digits = 2): string {
  return deviation === undefined
    ? percent(mean, digits)
    : `${(100 * mean).toFixed(digits)} ± ${percent(deviation, digits)}`;
}

/** `0.41 M`, `24.2 k`. */
export function count(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)} k`;
  return `${Math.round(value)}`;
}

/** `1.66 MB`, in powers of ten. */
export function bytes(value: number): string {
  return `${count(value)}B`.replace(/^(\d+)B$/, '$1 B');
}

/** `12.3 s`, `4 min 05 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** `1,234`. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `dkd, temperature 4`. */
export function lessonName({ method, temperature }: DistillationRecord): string {
  return temperature === undefined ? method : `${method}, temperature ${temperature}`;
}
