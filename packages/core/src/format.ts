/** Numbers as people read them, the same in progress lines, tables and reports. */

/** Formats a fraction as a percentage: 0.73 → `73.0 %`. */
export function formatPercent(fraction: number, decimals = 1): string {
  return `${(100 * fraction).toFixed(decimals)} %`;
}

/** Formats a rounded number with grouped digits: `1,234`. */
export function formatInteger(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Formats an amount with its unit: `1,234 images`, `1.5 batches`; `B` is bytes: `12.3 MB`. */
export function formatAmount(value: number, unit: string): string {
  if (unit === 'B') return formatBytes(value);
  const digits = { maximumFractionDigits: value < 100 ? 1 : 0 };
  return `${value.toLocaleString('en-US', digits)} ${unit}`;
}

/**
 * Formats a number of bytes in powers of ten: `999 B`, `1.5 kB`, `12.3 MB`, `5.68 GB`.
 * @param decimals Decimals of megabytes.
 */
export function formatBytes(bytes: number, decimals = 1): string {
  if (bytes < 1e3) return `${Math.round(bytes)} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(decimals)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** Formats a duration in whole seconds, for progress: `42 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(Math.round(seconds), 0);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Formats a measured duration, for tables and reports: `12.3 s`, `4 min 05 s`, `2 h 10 min`. */
export function formatElapsed(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
