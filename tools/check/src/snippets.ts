import { readFile } from 'node:fs/promises';

/** The first ```ts block of a Markdown file. @throws Where there is none. */
export async function firstSnippet(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  const snippet = /^```ts\r?\n([\s\S]*?)^```/m.exec(text)?.[1];
  if (snippet === undefined) throw new Error(`firstSnippet: expected a \`\`\`ts block in ${file}, got none; a package shows what it does.`);
  return snippet;
}
