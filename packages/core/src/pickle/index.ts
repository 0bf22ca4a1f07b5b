export type { PickleHost } from './host.ts';
export { PickledObject } from './pickledObject.ts';
export { readPickle } from './readPickle.ts';
