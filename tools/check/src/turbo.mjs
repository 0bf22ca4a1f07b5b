/** turbo without its telemetry, on every system: `node tools/check/src/turbo.mjs run build`. */
import { createRequire } from 'node:module';

process.env.TURBO_TELEMETRY_DISABLED = '1';
createRequire(import.meta.url)('turbo/bin/turbo');
