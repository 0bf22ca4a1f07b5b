/**
 * undefined where a file is of something else or was altered: that is what recording again is for.
 */
export async function ofThis<Read>(
  read: () => Promise<Read | undefined>,
): Promise<Read | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
