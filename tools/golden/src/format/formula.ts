import { expectedError } from '@kd/core';

/**
 * Parses a formula such as `sin(0.3*n+s)+0.2*cos(0.011*n*n)` to a function of its variables: sums,
 * products, powers of ten, parentheses, sin, cos.
 * @throws RangeError for anything else.
 */
export function formula(text: string): (variables: Readonly<Record<string, number>>) => number {
  const tokens = text.match(/\d*\.?\d+(?:e[+-]?\d+)?|[a-z]+|[-+*/()]/gi) ?? [];
  if (tokens.join('') !== text.replace(/\s/g, ''))
    throw expectedError('golden', 'a formula of + - * / sin cos', text);
  return (variables) => {
    let at = 0;
    const factor = (): number => {
      const token = tokens[at++] ?? '';
      if (token === '-') return -factor();
      if (token === '+') return factor();
      if (token === '(' || token === 'sin' || token === 'cos') {
        if (token !== '(') at++;
        const inner = sum();
        if (tokens[at++] !== ')')
          throw expectedError('golden', 'a formula with its brackets closed', text);
        return token === 'sin' ? Math.sin(inner) : token === 'cos' ? Math.cos(inner) : inner;
      }
      const value = variables[token] ?? Number(token);
      if (token === '' || Number.isNaN(value))
        throw expectedError(
          'golden',
          `a number or one of ${Object.keys(variables).join(', ')} in ${text}`,
          token,
        );
      return value;
    };
    const product = (): number => {
      let value = factor();
      while (tokens[at] === '*' || tokens[at] === '/')
        value = tokens[at++] === '*' ? value * factor() : value / factor();
      return value;
    };
    const sum = (): number => {
      let value = product();
      while (tokens[at] === '+' || tokens[at] === '-')
        value = tokens[at++] === '+' ? value + product() : value - product();
      return value;
    };
    const value = sum();
    if (at !== tokens.length) throw expectedError('golden', 'a formula to its end', text);
    return value;
  };
}

/**
 * Evaluates the formula at every flat index n of the shape, rounded to float32.
 * @param variables The variables other than n.
 */
export function valuesOf(
  text: string,
  shape: readonly number[],
  variables: Readonly<Record<string, number>> = {},
): Float32Array {
  const at = formula(text);
  const size = shape.reduce((product, side) => product * side, 1);
  return Float32Array.from({ length: size }, (_, n) => at({ ...variables, n }));
}
