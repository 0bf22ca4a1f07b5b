/**
 * What a pickle asks to be made by a call that is not known here: what it says is kept, and nothing
 * is called.
 */
export class PickledObject {
  /** What was to be called: `argparse.Namespace`. */
  readonly callee: string;
  readonly parameters: readonly unknown[];
  /** Its attributes, as the pickle gives them: mostly a Map. */
  state: unknown;
  /** What was put into it by key, where it is a kind of dict. */
  readonly items = new Map<unknown, unknown>();

  constructor(callee: string, parameters: readonly unknown[]) {
    this.callee = callee;
    this.parameters = parameters;
  }
}
