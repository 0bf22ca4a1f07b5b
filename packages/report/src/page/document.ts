import { element, escapeHtml } from '../html.ts';
import { stylesheet } from './stylesheet.ts';

/** Renders a page that loads nothing else. @param main - Markup of its content. */
export function renderDocument(title: string, main: readonly string[]): string {
  const head = element(
    'head',
    {},
    element('meta', { charset: 'utf-8' }),
    element('meta', { name: 'viewport', content: 'width=device-width,initial-scale=1' }),
    element('title', {}, escapeHtml(title)),
    element('style', {}, stylesheet),
  );
  const body = element('body', {}, element('main', {}, ...main));
  return `<!doctype html>${element('html', { lang: 'en' }, head, body)}\n`;
}
