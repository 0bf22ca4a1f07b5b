export { type DistillOptions, distill } from './distill.ts';
export { type FitOptions, fit } from './fit.ts';
export type { FollowOptions, FollowResult } from './follow.ts';
