import { find } from './elements.ts';

/** A line that says what is going on, for eyes and screen readers. */
export interface Status {
  say(text: string): void;
  /** What went wrong, in another color. */
  sayError(error: unknown): void;
}

/** Takes the line of this id. It keeps its height while it is empty. */
export function createStatus(id: string): Status {
  const line = find(id, HTMLParagraphElement);
  const show = (text: string, isWrong: boolean): void => {
    const shown = text === '' ? '\u00a0' : text;
    // The same words again would be read out again.
    if (line.textContent !== shown) line.textContent = shown;
    line.classList.toggle('wrong', isWrong);
  };
  return {
    say: (text) => show(text, false),
    sayError: (error) => show(error instanceof Error ? error.message : String(error), true),
  };
}
