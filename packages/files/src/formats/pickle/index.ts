export type { UnpicklerHost } from './host.ts';
export { PickledObject } from './pickledObject.ts';
export { unpickle } from './readPickle.ts';
