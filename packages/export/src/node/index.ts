/**
 * Checks exported files on the runtimes that are installed.
 * @module @kd/export/node
 */
export {};
