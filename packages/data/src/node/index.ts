/** @module @kd/data/node */
export { type LoadCifar10Options, type LoadedCifar10, loadCifar10 } from './loadCifar10.ts';
