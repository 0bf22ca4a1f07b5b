/** What a progress line tells. */
export interface ProgressState {
  readonly label: string;
  readonly done: number;
  /** Not above 0, or not finite: unknown, and no share of it is shown. */
  readonly total: number;
  readonly unit: string;
  /** Units in a second; 0 where there is none yet. */
  readonly rate: number;
  /** Since it was opened. */
  readonly seconds: number;
  readonly ended: boolean;
  readonly note: string;
}

/**
 * `train 1  45 %  1,234 images/s  40 s left  loss 1.23`. @param barLength Characters of a bar; 0:
 * none.
 */
export function progressLine(state: ProgressState, barLength: number): string {
  const { label, done, total, unit, rate, seconds, ended, note } = state;
  const known = Number.isFinite(total) && total > 0;
  const share = known ? Math.min(Math.max(done / total, 0), 1) : 0;
  const left = (total - done) / rate;
  const parts = [
    label,
    known && barLength > 0 ? bar(share, barLength) : '',
    known ? `${Math.floor(share * 100)} %` : amount(done, unit),
    rate > 0 ? `${amount(rate, unit)}/s` : '',
    ended ? `in ${duration(seconds)}` : known && rate > 0 ? `${duration(left)} left` : '',
    note,
  ];
  return parts.filter((part) => part !== '').join('  ');
}

/** `1,234 images`, `1.5 batches`, `12.3 MB`. */
export function amount(value: number, unit: string): string {
  if (unit !== 'B')
    return `${value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 })} ${unit}`;
  if (value < 1e3) return `${Math.round(value)} B`;
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} kB`;
  return value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(2)} GB`;
}

/** `42 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(Math.round(seconds), 0);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function bar(share: number, length: number): string {
  const full = Math.floor(share * length);
  return '█'.repeat(full) + '░'.repeat(length - full);
}
