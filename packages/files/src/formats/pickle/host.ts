/**
 * What the names in a pickle stand for. A pickle can name any function to be called; here nothing
 * is imported and nothing called but these.
 */
export interface UnpicklerHost {
  /** A name, `torch.FloatStorage`, as a value. @throws RangeError where the name is refused. */
  global(name: string): unknown;
  /**
   * What a call gives. @param callee Of `global`. @param parameters An array, or the pickle is
   * wrong.
   */
  call(callee: unknown, parameters: unknown): unknown;
  /** Gives attributes to what a call gave, or to a dict or list. */
  build(target: unknown, state: unknown): void;
  /** What lies outside of the pickle under this id. */
  persistent?(id: unknown): unknown;
}
