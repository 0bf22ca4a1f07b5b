import { readFile } from 'node:fs/promises';

/** The ```ts blocks of a Markdown file, in order. */
export async function snippets(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8');
  return [...text.matchAll(/^```ts\r?\n([\s\S]*?)^```/gm)].map(([, snippet = '']) => snippet);
}

/** The first of them. @throws Where there is none. */
export async function firstSnippet(file: string): Promise<string> {
  const [snippet] = await snippets(file);
  if (snippet === undefined)
    throw new Error(
      `firstSnippet: expected a \`\`\`ts block in ${file}, got none; a package shows what it does.`,
    );
  return snippet;
}
