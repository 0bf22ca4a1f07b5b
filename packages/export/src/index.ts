/**
 * {@include ../README.md}
 * @module @kd/export
 */
export {};
