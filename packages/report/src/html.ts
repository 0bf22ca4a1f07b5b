/** Escapes text for an element or for a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** Elements of HTML that have no end tag. */
const voidElements = new Set(['img', 'meta']);

/**
 * Renders an element of HTML or SVG.
 * @param attributes - Escaped; numbers are rounded to two decimals, which are enough for a screen.
 * @param children - Markup: text is escaped by the caller, with `escapeHtml`.
 */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: readonly string[]
): string {
  const pairs = Object.entries(attributes).map(([key, value]) => {
    const text = typeof value === 'number' ? String(Math.round(value * 100) / 100) : value;
    return ` ${key}="${escapeHtml(text)}"`;
  });
  const start = `<${name}${pairs.join('')}>`;
  return voidElements.has(name) ? start : `${start}${children.join('')}</${name}>`;
}

/** Renders a section of the page. @param body - Markup. */
export function section(title: string, remark: string, ...body: readonly string[]): string {
  return element(
    'section',
    {},
    element('h2', {}, escapeHtml(title)),
    element('p', { class: 'remark' }, escapeHtml(remark)),
    ...body,
  );
}

/** Renders a table of names and values. */
export function definitionTable(rows: readonly (readonly [name: string, value: string])[]): string {
  const row = ([name, value]: (typeof rows)[number]) =>
    element('tr', {}, element('th', {}, escapeHtml(name)), element('td', {}, escapeHtml(value)));
  return element('table', { class: 'facts' }, ...rows.map(row));
}
