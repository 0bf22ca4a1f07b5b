/**
 * Reads the prototypes of the C functions that the engine declares from TensorFlow's headers, and
 * writes their types into test/fixtures/cApiTypes.json, which test/tensorflow.test.ts compares with the
 * declarations. The headers are in TensorFlow's wheel; run it for a new version, or after a function
 * has been added:
 *
 *   pip download --no-deps tensorflow-cpu==2.21.0 && unzip tensorflow_cpu-*.whl 'tensorflow/include/*'
 *   node scripts/headers.mjs tensorflow/include
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [include] = process.argv.slice(2);
if (include === undefined)
  throw new Error('headers: expected the directory tensorflow/include, got none.');

const directories = ['tensorflow/c', 'tensorflow/c/eager'];
const prototypes = {};
for (const directory of directories.map((path) => join(include, path))) {
  for (const file of readdirSync(directory).filter((name) => name.endsWith('.h')))
    readPrototypes(readFileSync(join(directory, file), 'utf8'));
}

function readPrototypes(header) {
  const code = header.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|^#.*/gm, '');
  for (const [, result, name, parameters] of code.matchAll(
    /TF_CAPI_EXPORT\s+(?:extern\s+)?([\w\s]+?[\s*]+)(TFE?_\w+)\s*\(([^;]*)\)\s*;/g,
  ))
    prototypes[name] = [result, ...splitParameters(parameters)].map(normalize);
}

/** Splits at commas outside parentheses: a parameter may be a function. */
function splitParameters(text) {
  const parts = [''];
  let depth = 0;
  for (const letter of text) {
    if (letter === '(') depth++;
    if (letter === ')') depth--;
    if (letter === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += letter;
  }
  return parts.filter((part) => part.trim() !== '' && part.trim() !== 'void');
}

/** The type without the parameter's name: `const char* const* names` → `const char* const*`. */
function normalize(text) {
  const flat = text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/ ?\* ?/g, '* ')
    .trim();
  if (flat.includes('(')) return 'function*';
  const words = flat.split(' ');
  const hasName = words.filter((word) => word !== 'const' && word !== 'unsigned').length > 1;
  return (hasName && /^\w+$/.test(words.at(-1)) ? words.slice(0, -1) : words)
    .join(' ')
    .replaceAll('* *', '**');
}

const source = ['c_api.ts', 'c_api_eager.ts', 'c_api_experimental.ts']
  .map((file) =>
    readFileSync(new URL(`../src/node/tensorflow/capi/${file}`, import.meta.url), 'utf8'),
  )
  .join('\n');
const declared = [...source.matchAll(/^ {2}(TFE?_\w+): '\w+',$/gm)].map(([, name]) => name).sort();
const found = Object.fromEntries(declared.map((name) => [name, prototypes[name] ?? 'not found']));
writeFileSync(
  new URL('../test/fixtures/cApiTypes.json', import.meta.url),
  `{\n${Object.entries(found)
    .map(([name, types]) => `  ${JSON.stringify(name)}: ${JSON.stringify(types)}`)
    .join(',\n')}\n}\n`,
);
