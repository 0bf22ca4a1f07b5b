export { readWeights } from './readWeights.ts';
