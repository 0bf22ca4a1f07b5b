/** Addresses of files that vite serves, and styles that it puts into the page. */
declare module '*.wasm?url';
declare module '*.css';

/** Whether vite has bundled the page; it serves the sources one by one otherwise. */
declare const __IS_BUNDLED__: boolean;
