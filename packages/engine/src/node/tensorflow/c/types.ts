/**
 * An address in C memory; 0 is null. Plain numbers: user space ends far below 2⁵³, and nothing has
 * to be wrapped or unwrapped per call.
 */
export type Pointer = number;

/** TF_Output: one output of a node, passed by value. */
export interface GraphOutput {
  readonly operation: Pointer;
  readonly index: number;
}

/**
 * Result and arguments of each function, a letter each: `p` pointer or length, `i` int, `l` int64,
 * `f` float, `b` uint8, `s` C string,
 * `d` bytes read from JavaScript, `o` TF_Output, `v` nothing.
 */
export type Signatures<Api> = { readonly [name in keyof Api]: string };
