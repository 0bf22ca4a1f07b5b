import type { Schedule } from '../contracts.ts';
import { expectFinite } from './check.ts';

/** The same value throughout. */
export function constant(value: number): Schedule {
  expectFinite('constant', 'value', value);
  return () => value;
}

/** A number stands for itself throughout; a schedule is returned as it is. */
export function toSchedule(value: number | Schedule): Schedule {
  return typeof value === 'number' ? constant(value) : value;
}
