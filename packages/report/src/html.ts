/** Text made safe inside an element or a quoted attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** A section with its heading and what one should see in it. @param body Markup. */
export function section(title: string, remark: string, body: string): string {
  return `<section><h2>${escaped(title)}</h2><p class="remark">${escaped(remark)}</p>${body}</section>`;
}

/** Drawings side by side, each under its own title. */
export function figures(
  drawings: readonly { readonly title: string; readonly svg: string; readonly actor?: string }[],
): string {
  const figure = ({ title, svg, actor }: (typeof drawings)[number]) =>
    `<figure><figcaption${actor === undefined ? '' : ` class="${actor}"`}>${escaped(title)}</figcaption>${svg}</figure>`;
  return `<div class="figures">${drawings.map(figure).join('')}</div>`;
}

/** A table of two columns, name and value. */
export function facts(rows: readonly (readonly [name: string, value: string])[]): string {
  return `<table class="facts">${rows.map(([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`).join('')}</table>`;
}
