/**
 * The pictures of the page in its README: `npm run pictures -w examples/browser`. Takes the bundle
 * in dist/ (`npm run build -w examples/browser`).
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Browser, chromium } from 'playwright-core';
import { preview } from 'vite';

const { values: flags } = parseArgs({
  options: { chromium: { type: 'string', default: '/usr/bin/chromium' } },
});
const root = fileURLToPath(new URL('.', import.meta.url));
const server = await preview({ root, logLevel: 'error', preview: { host: '127.0.0.1', port: 0 } });
const browser = await chromium.launch({ executablePath: flags.chromium });
try {
  await takePicture(browser, 'phone', { width: 360, height: 740, colorScheme: 'light' });
  await takePicture(browser, 'desktop', { width: 1280, height: 720, colorScheme: 'dark' });
} finally {
  await browser.close();
  await server.close();
}

/** Shows the page an example, teaches it two things on wide screens, and takes a picture of it. */
async function takePicture(
  browser: Browser,
  name: string,
  { width, height, colorScheme }: { width: number; height: number; colorScheme: 'light' | 'dark' },
): Promise<void> {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  await page.goto(server.resolvedUrls?.local[0] as string);
  await page.click('button:has(img[alt="Try the cat"])');
  await page.waitForSelector('td.teacher[data-share]');
  if (name === 'desktop') {
    const things = { pets: ['cat', 'dog', 'horse'], machines: ['airplane', 'ship', 'truck'] };
    for (const [at, [thing, files]] of Object.entries(things).entries()) {
      const card = page.locator('.lesson').nth(at);
      await card.locator('input[type=text]').fill(thing);
      const own = files.map((file) => path.join(root, `public/model/${file}.png`));
      await card.locator('input[type=file]').setInputFiles(own);
    }
    await page.locator('.thumbnails button').nth(5).waitFor();
    await page.click('#start-teaching');
    await page.getByText(/^Learned/).waitFor();
  }
  await page.screenshot({ path: path.join(root, 'pictures', `${name}.png`) });
  await page.close();
}
