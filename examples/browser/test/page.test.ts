// @isolated
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Network } from '@kd/core';
import { preparePixels } from '@kd/data';
import { decodeImage, loadCifar10 } from '@kd/data/node';
import { startEngine } from '@kd/engine';
import { pngDataUri } from '@kd/report';
import { onChromium } from '@kd/testing';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { computeLogits, loadNetwork } from '../src/model/classifier.ts';
import { type Manifest, parseManifest } from '../src/model/manifest.ts';
import { softmax } from '../src/page/answers.ts';
import { root, type ServedPage, servePage } from './servedPage.ts';

/** A file as a visitor picks it. */
interface Picture {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

onChromium((executablePath) => {
  let served: ServedPage;
  let browser: Browser;
  let manifest: Manifest;
  /** Addresses outside the page's own server that any page asked for. */
  const foreign: string[] = [];

  beforeAll(async () => {
    const flags = ['--no-sandbox', '--use-fake-device-for-media-stream'];
    [served, browser, manifest] = await Promise.all([
      servePage(),
      chromium.launch({ executablePath, args: flags }),
      readFile(path.join(root, 'public/model/model.json'), 'utf8').then(parseManifest),
      startEngine({ engine: 'wasm', log: () => {} }),
    ]);
  });

  afterAll(async () => {
    await browser?.close();
    await served?.remove();
  });

  async function openPage(
    options: Parameters<Browser['newContext']>[0] = {},
  ): Promise<{ readonly context: BrowserContext; readonly page: Page }> {
    const context = await browser.newContext({ viewport: { width: 360, height: 740 }, ...options });
    context.on('request', (request) => {
      const isOwn = request.url().startsWith(served.url) || /^(blob|data):/.test(request.url());
      if (!isOwn) foreign.push(request.url());
    });
    const page = await context.newPage();
    await page.goto(served.url);
    return { context, page };
  }

  describe('an answer', () => {
    test('on 20 pictures of CIFAR-10 is that of Node, of student and teacher', async () => {
      const { test: images } = await loadCifar10();
      const [student, teacher] = [await load('student'), await load('teacher')];
      const { page, context } = await openPage();
      for (let index = 0; index < 20; index++) {
        const pixels = images.images.read(index).slice();
        await pick(page, await png(pixels, [32, 32, 3]));
        const shares = await readShares(page);
        for (const [role, network] of [
          ['student', student],
          ['teacher', teacher],
        ] as const) {
          const expected = softmax(await computeLogits(network, pixels, manifest.imageShape));
          for (const [className, share] of Object.entries(shares[role]))
            expect(
              Math.abs(share - (expected[manifest.classNames.indexOf(className)] as number)),
              `${role}, picture ${index}, ${className}`,
            ).toBeLessThan(1e-4);
        }
      }
      await context.close();
    });

    test.each(['png', 'jpeg'] as const)('is about the pixels of Pillow: %s', async (format) => {
      const buffer = await photograph(331, 217)[format]().toBuffer();
      const decoded = await decodeImage(buffer, { name: format, channels: 3 });
      const { page, context } = await openPage();
      await pick(page, { name: `photo.${format}`, mimeType: `image/${format}`, buffer });
      expect(await readSeen(page)).toEqual(Array.from(preparePixels(decoded, 32, manifest.recipe)));
      await context.close();
    });

    test('is given live where there is a camera', async () => {
      const { page, context } = await openPage({ permissions: ['camera'] });
      await page.click('#use-camera');
      await page.waitForFunction(() => document.querySelector('td.teacher[data-share]') !== null);
      await says(page, '#status', 'The camera is on.');
      await page.click('#use-camera');
      expect(await page.textContent('#use-camera')).toBe('Use the camera');
      await context.close();
    });

    test('is refused in plain words to other files and without a camera', async () => {
      const { page, context } = await openPage();
      await page.setInputFiles('#choose', {
        name: 'letter.txt',
        mimeType: 'text/plain',
        buffer: Buffer.from('Dear student'),
      });
      await says(page, '#status', 'letter.txt: it is no picture that this browser can open.');
      await page.click('#use-camera');
      await says(
        page,
        '#status',
        'The camera is not allowed here. Allow it in the browser’s address bar, or pick a picture.',
      );
      await context.close();
    });
  });

  test('by keyboard alone a visitor teaches two things, which the student then knows', async () => {
    const { test: images } = await loadCifar10();
    const { page, context } = await openPage();
    await page.waitForSelector('#examples button');
    await tabTo(page, 'Try the cat');
    await page.keyboard.press('Enter');
    await page.waitForSelector('td.teacher[data-share]');
    expect(await page.textContent('#answer-rows th')).toBe('cat');

    for (const [at, label] of [3, 8].entries()) {
      await tabTo(page, 'Name');
      await page.keyboard.type(['tabby', 'boat'][at] as string);
      await tabTo(page, 'Add pictures');
      const chooser = page.waitForEvent('filechooser');
      await page.keyboard.press('Space');
      const own = Array.from(images.labels.subarray(0, 200).keys()).filter(
        (index) => images.labels[index] === label,
      );
      const pictures = own
        .slice(0, 5)
        .map((index) => png(images.images.read(index).slice(), [32, 32, 3]));
      await (await chooser).setFiles(await Promise.all(pictures));
      await page.waitForFunction(
        (card) => document.querySelectorAll('.count')[card]?.textContent === '5 pictures',
        at,
      );
    }
    await tabTo(page, 'Teach');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() =>
      /^Learned/.test(document.querySelector('#teach-status')?.textContent ?? ''),
    );
    const curve = /loss ([\d.]+), (\d+) % .*: loss ([\d.]+), (\d+) %/.exec(
      (await page.textContent('#curve-title')) ?? '',
    );
    const [loss, accuracy, lossBefore, accuracyBefore] = (curve ?? []).slice(1).map(Number);
    expect(loss).toBeLessThan((lossBefore as number) / 2);
    expect(accuracy).toBeGreaterThan(accuracyBefore as number);
    expect(accuracy).toBeGreaterThanOrEqual(90);

    await page.waitForSelector('td.teacher[data-share]');
    const shares = await readShares(page);
    expect(Object.keys(shares.student)).toEqual(['tabby', 'boat']);
    const cat = await readFile(path.join(root, 'public/model/cat.png'));
    await runsAsOnnx(page, ['tabby', 'boat'], cat, shares.student);
    await context.close();
  });

  test('a lesson says what it lacks, and can be stopped', async () => {
    const { page, context } = await openPage();
    await page.waitForSelector('#examples button');
    await page.click('#start-teaching');
    await says(page, '#teach-status', 'Give thing 1 a name.');
    for (const [at, name] of ['sea', 'sky'].entries()) {
      const card = page.locator('.lesson').nth(at);
      await card.locator('input[type=text]').fill(name);
      const files = ['ship', 'bird'].map((file) => path.join(root, `public/model/${file}.png`));
      await card.locator('input[type=file]').setInputFiles(files);
      await card.locator('.thumbnails button').nth(1).waitFor();
    }
    await page.click('#start-teaching');
    await page.locator('#curve-figure').waitFor();
    await page.click('#stop-teaching');
    await says(page, '#teach-status', 'Stopped. The student is as it was.');
    await page.click('button:has(img[alt="Try the ship"])');
    await page.waitForSelector('td.teacher[data-share]');
    expect(await page.textContent('#answer-rows th')).toBe('ship');
    await context.close();
  });

  test('once visited, the page works without a network, the file to take home included', async () => {
    const { page, context } = await openPage();
    await page.waitForFunction(() =>
      document.querySelector('#offline')?.textContent?.startsWith('Works without a network'),
    );
    await context.setOffline(true);
    await page.reload();
    await page.click('button:has(img[alt="Try the ship"])');
    await page.waitForSelector('td.teacher[data-share]');
    const { student } = await readShares(page);
    expect(Object.keys(student)[0]).toBe('ship');
    const ship = await readFile(path.join(root, 'public/model/ship.png'));
    await runsAsOnnx(page, manifest.classNames, ship, student);
    await context.close();
  });

  describe.each([360, 768, 1280])('at %i pixels', (width) => {
    test.each(['light', 'dark'] as const)(
      'nothing moves, is cut or is pale, %s',
      async (scheme) => {
        const { page, context } = await openPage({
          viewport: { width, height: 740 },
          colorScheme: scheme,
          reducedMotion: 'reduce',
        });
        await page.click('button:has(img[alt="Try the frog"])');
        await page.waitForSelector('td.teacher[data-share]');
        expect(await page.evaluate(measureLayout)).toEqual({
          overflow: 0,
          moved: 0,
          isAnswerOnScreen: true,
          isAnswerBeside: width > 360,
          transition: '0s',
          paleTexts: [],
        });
        await context.close();
      },
    );
  });

  test('no page asked anything of another server', () => {
    expect(foreign).toEqual([]);
  });

  async function load(role: 'student' | 'teacher'): Promise<Network> {
    const bytes = await readFile(path.join(root, 'public/model', manifest[role].file));
    return loadNetwork(manifest[role], bytes, { classes: manifest.classNames.length });
  }

  /** Downloads the student and holds its logits for a PNG against the page's answer. */
  async function runsAsOnnx(
    page: Page,
    classNames: readonly string[],
    picture: Buffer,
    shares: Readonly<Record<string, number>>,
  ): Promise<void> {
    const downloading = page.waitForEvent('download');
    await page.click('#download-onnx');
    const download = await downloading;
    expect(download.suggestedFilename()).toBe('student.onnx');
    const session = await InferenceSession.create(await readFile(await download.path()));
    const { pixels } = await decodeImage(picture, { name: 'picture', channels: 3 });
    const values = Float32Array.from(pixels, (pixel) => pixel / 255);
    const outputs = await session.run({
      [session.inputNames[0] as string]: new Tensor('float32', values, [1, 32, 32, 3]),
    });
    const logits = outputs[session.outputNames[0] as string]?.data as Float32Array;
    expect(logits).toHaveLength(classNames.length);
    const probabilities = softmax(logits);
    for (const [className, share] of Object.entries(shares))
      expect(
        Math.abs((probabilities[classNames.indexOf(className)] as number) - share),
        className,
      ).toBeLessThan(1e-4);
    await session.release();
  }
});

/** Picks a file and waits for both answers. */
async function pick(page: Page, picture: Picture): Promise<void> {
  await page.evaluate(() => {
    for (const cell of document.querySelectorAll('td')) delete cell.dataset.share;
  });
  await page.setInputFiles('#choose', picture);
  await page.waitForSelector('td.teacher[data-share]');
}

/** Reads the shown probabilities, unrounded. */
function readShares(
  page: Page,
): Promise<Readonly<Record<'student' | 'teacher', Readonly<Record<string, number>>>>> {
  return page.evaluate(() => {
    const read = (role: string) =>
      Object.fromEntries(
        Array.from(document.querySelectorAll(`td.${role}[data-share]`), (cell) => [
          cell.parentElement?.querySelector('th')?.textContent ?? '',
          Number((cell as HTMLElement).dataset.share),
        ]),
      );
    return { student: read('student'), teacher: read('teacher') };
  });
}

/** Reads the pixels that the student gets. */
function readSeen(page: Page): Promise<number[]> {
  return page.evaluate(() => {
    const canvas = document.querySelector('#seen') as HTMLCanvasElement;
    const context = canvas.getContext('2d') as CanvasRenderingContext2D;
    const { data } = context.getImageData(0, 0, 32, 32);
    return Array.from(data).filter((_, at) => at % 4 < 3);
  });
}

/** Presses Tab until an element has the focus, which must be visible. */
async function tabTo(page: Page, name: string, number = 0): Promise<void> {
  let found = -1;
  for (let press = 0; press < 60; press++) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement;
      const shown = element.closest('label') ?? element;
      const text = element.getAttribute('aria-label') ?? element.querySelector('img')?.alt;
      return {
        name: text ?? shown.textContent?.trim(),
        outline: getComputedStyle(shown).outlineStyle,
      };
    });
    if (focused.name !== name) continue;
    expect(focused.outline, `focus on ${name}`).not.toBe('none');
    if (++found === number) return;
  }
  throw new Error(`tabTo: expected to reach ${name}, got past it.`);
}

async function says(page: Page, selector: string, text: string): Promise<void> {
  await page.waitForFunction(
    ([place, words]) => document.querySelector(place as string)?.textContent === words,
    [selector, text],
  );
}

async function png(pixels: Uint8Array, shape: readonly [number, number, number]): Promise<Picture> {
  const [, base64] = (await pngDataUri(pixels, shape)).split(',');
  return { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from(base64 as string, 'base64') };
}

/** A picture with smooth and sharp parts. */
function photograph(width: number, height: number): Sharp {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, at) => {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
    const wave = Math.sin(x / 9 + (at % 3)) * Math.cos(y / 13);
    return ((x >> 4) + (y >> 4)) % 2 === 0 ? 128 + 100 * wave : 90 + (at % 3) * 50;
  });
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** Runs in the page. @returns What would annoy a visitor. */
async function measureLayout() {
  const shifts = await new Promise<number>((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) sum += (entry as unknown as { value: number }).value;
    }).observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => resolve(sum), 100);
  });
  const luminance = (color: string) => {
    const [red, green, blue] = (color.match(/[\d.]+/g) ?? []).slice(0, 3).map((level) => {
      const share = Number(level) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const background = luminance(getComputedStyle(document.body).backgroundColor);
  const contrast = (element: Element) => {
    const text = luminance(getComputedStyle(element).color);
    const [high, low] = [Math.max(text, background), Math.min(text, background)];
    return (high + 0.05) / (low + 0.05);
  };
  const texts = [...document.querySelectorAll('p, th, figcaption, legend, h1, h2')];
  const [look, answer, answers] = ['#look', '#answer', '#answers'].map(
    (place) => document.querySelector(place)?.getBoundingClientRect() as DOMRect,
  ) as [DOMRect, DOMRect, DOMRect];
  return {
    isAnswerOnScreen: answers.bottom <= innerHeight,
    isAnswerBeside: look.top === answer.top,
    overflow: Math.max(0, document.documentElement.scrollWidth - innerWidth),
    moved: Math.round(shifts * 100) / 100,
    transition: getComputedStyle(document.querySelector('td') as Element).transitionDuration,
    paleTexts: texts.filter((text) => contrast(text) < 4.5).map((text) => text.textContent),
  };
}
