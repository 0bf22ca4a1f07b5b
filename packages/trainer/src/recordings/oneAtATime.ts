/** Reads views and keeps the one that was asked for last. */
export function oneAtATime<Value>(
  read: (view: number) => Promise<Value>,
): (view: number) => Promise<Value> {
  let held: { readonly view: number; readonly value: Promise<Value> } | undefined;
  return (view) => {
    if (held?.view === view) return held.value;
    held = undefined;
    const value = read(view).catch((error: unknown) => {
      held = undefined;
      throw error;
    });
    held = { view, value };
    return value;
  };
}
