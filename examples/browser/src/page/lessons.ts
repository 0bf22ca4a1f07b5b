import { acceptDrops, create, drawPixels, find } from './elements.ts';

/** Pictures of one thing to learn. */
export interface LessonClass {
  readonly name: string;
  /** uint8 [height, width, 3] flattened, each. */
  readonly pictures: readonly Uint8Array[];
}

/** What the cards need from the page. */
export interface LessonsOptions {
  /** Makes an image of a file. @throws Error if it is no picture. */
  readonly openFile: (file: File) => Promise<Uint8Array>;
  /** A picture from the camera; undefined if it had to be turned on first, or is none. */
  readonly takePicture: () => Promise<Uint8Array | undefined>;
  /** Called after every change, with what went wrong, if anything did. */
  readonly onChange: (problem?: string) => void;
}

/** The cards of the things to learn. */
export interface LessonsView {
  readonly classes: () => readonly LessonClass[];
  /** Makes all of them unusable, or usable again. */
  setDisabled(isDisabled: boolean): void;
  /** Names the buttons by what they do: turn the camera on, or take a picture. */
  setCamera(isOn: boolean): void;
}

interface Card {
  readonly element: HTMLFieldSetElement;
  readonly camera: HTMLButtonElement;
  readonly read: () => LessonClass;
}

/** Fewest things. */
const fewest = 2;
/** Fewest pictures of a thing. */
export const fewestPictures = 2;

/** Shows a card for each thing to learn: its name, its pictures, and how to add and remove them. */
export function createLessonsView(options: LessonsOptions): LessonsView {
  const list = find('lessons', HTMLDivElement);
  const addButton = find('add-lesson', HTMLButtonElement);
  const cards = new Set<Card>();
  const cameraState = { isOn: false };
  const labelCamera = ({ camera }: Card): void => {
    camera.textContent = cameraState.isOn ? 'Take a picture' : 'Use the camera';
  };
  const numberCards = (): void => {
    for (const [at, { element }] of [...cards].entries()) {
      element.setAttribute('aria-label', `Thing ${at + 1}`);
      for (const input of element.querySelectorAll<HTMLInputElement>('input[type=text]'))
        input.placeholder = `Name of thing ${at + 1}`;
      for (const button of element.querySelectorAll<HTMLButtonElement>('.remove'))
        button.hidden = cards.size <= fewest;
    }
    options.onChange();
  };
  const add = (): Card => {
    const card: Card = createCard(options, () => {
      cards.delete(card);
      card.element.remove();
      numberCards();
      addButton.focus();
    });
    cards.add(card);
    labelCamera(card);
    list.append(card.element);
    numberCards();
    return card;
  };
  for (let count = 0; count < fewest; count++) add();
  addButton.addEventListener('click', () => add().element.querySelector('input')?.focus());
  return {
    classes: () => [...cards].map(({ read }) => read()),
    setDisabled(isDisabled) {
      for (const { element } of cards) element.disabled = isDisabled;
      addButton.disabled = isDisabled;
    },
    setCamera(isOn) {
      cameraState.isOn = isOn;
      for (const card of cards) labelCamera(card);
    },
  };
}

/** Says what is missing before the student can be taught; undefined if nothing is. */
export function describeMissing(classes: readonly LessonClass[]): string | undefined {
  for (const [at, { name, pictures }] of classes.entries()) {
    const thing = name === '' ? `thing ${at + 1}` : `“${name}”`;
    if (name === '') return `Give ${thing} a name.`;
    if (classes.some((other, before) => before < at && other.name === name))
      return `Two things are called ${thing}: give one another name.`;
    if (pictures.length < fewestPictures)
      return `Give ${thing} ${fewestPictures} pictures or more; it has ${pictures.length}.`;
  }
  return undefined;
}

function createCard(options: LessonsOptions, onRemove: () => void): Card {
  const pictures = new Map<HTMLElement, Uint8Array>();
  const name = create('input', {
    type: 'text',
    maxLength: 30,
    autocomplete: 'off',
    ariaLabel: 'Name',
  });
  const thumbnails = create('div', { className: 'thumbnails' });
  const count = create('span', { className: 'count' });
  const update = (): void => {
    count.hidden = pictures.size === 0;
    count.textContent = pictures.size === 1 ? '1 picture' : `${pictures.size} pictures`;
    options.onChange();
  };
  const add = (pixels: Uint8Array): void => {
    const canvas = create('canvas');
    drawPixels(canvas, pixels);
    const button = create('button', { type: 'button', ariaLabel: 'Remove this picture' }, canvas);
    button.addEventListener('click', () => {
      const next = (button.nextElementSibling ?? button.previousElementSibling) as HTMLElement;
      pictures.delete(button);
      button.remove();
      (next ?? name).focus();
      update();
    });
    pictures.set(button, pixels);
    thumbnails.append(button);
    update();
  };
  const addFiles = async (files: readonly File[]): Promise<void> => {
    for (const file of files) {
      try {
        add(await options.openFile(file));
      } catch (error) {
        options.onChange(`${file.name}: ${error instanceof Error ? error.message : error}.`);
      }
    }
  };
  const choose = create('input', {
    type: 'file',
    accept: 'image/*',
    multiple: true,
    className: 'visually-hidden',
  });
  choose.addEventListener('change', async () => {
    await addFiles([...(choose.files ?? [])]);
    choose.value = '';
  });
  const camera = create('button', { type: 'button' });
  camera.addEventListener('click', async () => {
    const pixels = await options.takePicture();
    if (pixels !== undefined) add(pixels);
  });
  const remove = create(
    'button',
    { type: 'button', className: 'remove', ariaLabel: 'Remove this thing' },
    '×',
  );
  remove.addEventListener('click', onRemove);
  name.addEventListener('input', () => options.onChange());
  const element = create(
    'fieldset',
    { className: 'lesson' },
    name,
    remove,
    create(
      'div',
      { className: 'row' },
      create('label', { className: 'button' }, choose, 'Add pictures'),
      camera,
    ),
    create('div', { className: 'row' }, count, thumbnails),
  );
  acceptDrops(element, addFiles);
  count.hidden = true;
  return {
    element,
    camera,
    read: () => ({ name: name.value.trim(), pictures: [...pictures.values()] }),
  };
}
