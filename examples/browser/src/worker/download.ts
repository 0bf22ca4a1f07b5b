/**
 * Downloads a file.
 * @param onProgress Called with the bytes so far.
 * @throws Error that names the file.
 */
export async function download(
  url: string | URL,
  onProgress: (loaded: number) => void = () => {},
): Promise<Uint8Array<ArrayBuffer>> {
  const name = new URL(url).pathname.split('/').at(-1);
  const response = await fetch(url).catch((cause: Error) => {
    throw new Error(`${name} could not be loaded: ${cause.message}`, { cause });
  });
  if (!response.ok || response.body === null)
    throw new Error(`${name} could not be loaded: the server answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    loaded += part.value.length;
    onProgress(loaded);
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
