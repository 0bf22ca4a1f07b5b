/**
 * What a network computes, as a list of operations: for files of other runtimes.
 * @module @kd/models/graph
 */
export { type NetworkGraphOptions, networkGraph } from './networkGraph.ts';
