import { ensure } from '../errors.ts';

/** The doors of the schedules. */
export function expectFinite(caller: string, name: string, value: number): void {
  ensure(Number.isFinite(value), caller, `${name}, a finite number`, value);
}

/** @param remedy For the message: `0.1 is usual`. */
export function expectPositive(caller: string, name: string, value: number, remedy?: string): void {
  ensure(Number.isFinite(value) && value > 0, caller, `${name} > 0`, value, remedy);
}

/** A part of the training that leaves something before and after it. */
export function expectFraction(caller: string, name: string, value: number): void {
  ensure(
    value > 0 && value < 1,
    caller,
    `${name} between 0 and 1, a fraction of the training`,
    value,
  );
}
