import { create, find, formatPercent } from './elements.ts';

/** Rows of the table: there are always as many, so that nothing moves. */
const rowCount = 5;

/** Logits of student and teacher for one picture; those of the teacher may come later. */
export interface Answer {
  readonly classNames: readonly string[];
  readonly student: ArrayLike<number>;
  readonly teacher?: ArrayLike<number>;
}

/** The table of answers. */
export interface AnswersView {
  /** Shows an answer, the student's likeliest classes first. */
  show(answer: Answer): void;
  /** Tells what softening is. @param temperature Of the soft labels in training. */
  setTemperature(temperature: number): void;
}

/** What the table shows at the moment. */
interface Shown {
  answer: Answer | undefined;
  temperature: number;
}

/** Shows answers beside each other: the student's confidence and the teacher's soft labels. */
export function createAnswersView(): AnswersView {
  const rows = find('answer-rows', HTMLTableSectionElement);
  const soften = find('soften', HTMLInputElement);
  const shown: Shown = { answer: undefined, temperature: 1 };
  const render = (): void => {
    const { answer } = shown;
    rows.replaceChildren(
      ...(answer === undefined ? [] : renderRows(answer, soften.checked ? shown.temperature : 1)),
      ...emptyRows(rowCount - (answer?.classNames.length ?? 0)),
    );
  };
  soften.addEventListener('change', render);
  render();
  return {
    show(answer) {
      shown.answer = answer;
      render();
    },
    setTemperature(temperature) {
      shown.temperature = temperature;
      find('soften-label', HTMLSpanElement).textContent =
        `Soften, as in training (temperature ${temperature})`;
    },
  };
}

/** Says what the student sees: `cat, 83 % sure`. */
export function describeAnswer({ classNames, student }: Answer): string {
  const probabilities = softmax(student);
  const best = rank(probabilities)[0] as number;
  return `${classNames[best]}, ${formatPercent(probabilities[best] as number)} sure`;
}

/** Turns logits into probabilities, softened by a temperature > 0. @returns [classes]. */
export function softmax(logits: ArrayLike<number>, temperature = 1): number[] {
  const largest = Math.max(...Array.from(logits));
  const powers = Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function renderRows({ classNames, student, teacher }: Answer, temperature: number): Node[] {
  const confidence = softmax(student, temperature);
  const softLabels = teacher && softmax(teacher, temperature);
  return rank(confidence)
    .slice(0, rowCount)
    .map((at) =>
      create(
        'tr',
        {},
        create('th', { scope: 'row', title: classNames[at] as string }, classNames[at] as string),
        renderShare('student', confidence[at] as number),
        renderShare('teacher', softLabels?.[at]),
      ),
    );
}

function renderShare(className: string, share: number | undefined): HTMLElement {
  const cell = create('td', { className }, share === undefined ? '…' : formatPercent(share));
  cell.style.setProperty('--share', String(share ?? 0));
  if (share !== undefined) cell.dataset.share = String(share);
  return cell;
}

function emptyRows(count: number): Node[] {
  return Array.from({ length: Math.max(0, count) }, () =>
    create('tr', {}, create('th', { scope: 'row' }, '\u00a0'), create('td'), create('td')),
  );
}

/** Indices, the largest value first. */
function rank(values: readonly number[]): number[] {
  return values
    .map((_, at) => at)
    .sort((left, right) => (values[right] as number) - (values[left] as number));
}
