export { type LoadedCifar10, type LoadOptions, loadCifar10 } from './loadCifar10.ts';
