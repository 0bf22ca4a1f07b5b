/** Finds an element of index.html. @throws Error if there is none of this kind. */
export function find<Kind extends Element>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`index.html: expected ${kind.name} #${id}.`);
  return element;
}

/** Creates an element. @param properties Assigned to it. */
export function create<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Draws a square image. @param pixels uint8 [size, size, 3] flattened. */
export function drawPixels(canvas: HTMLCanvasElement, pixels: Uint8Array): void {
  const size = Math.sqrt(pixels.length / 3);
  canvas.width = size;
  canvas.height = size;
  const image = new ImageData(size, size);
  for (let at = 0; at < pixels.length / 3; at++) {
    image.data.set(pixels.subarray(3 * at, 3 * at + 3), 4 * at);
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext('2d')?.putImageData(image, 0, 0);
}

/** Makes an element take files that are dropped on it. */
export function acceptDrops(element: HTMLElement, onFiles: (files: readonly File[]) => void): void {
  element.addEventListener('dragover', (event) => {
    event.preventDefault();
    event.stopPropagation();
    element.classList.add('dragging');
  });
  element.addEventListener('dragleave', () => element.classList.remove('dragging'));
  element.addEventListener('drop', (event) => {
    event.preventDefault();
    event.stopPropagation();
    for (const over of document.querySelectorAll('.dragging')) over.classList.remove('dragging');
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) onFiles(files);
  });
}

/** Formats bytes for people: `0.8 MB`. */
export function formatBytes(bytes: number): string {
  return bytes < 1e5 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Formats a fraction as percents. */
export function formatPercent(fraction: number): string {
  return `${Math.round(100 * fraction)} %`;
}
