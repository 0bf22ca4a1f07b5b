import { ensure, type ProgressFactory } from '@kd/core';

/** What the hub's own variables say; the Python library knows the same. */
export interface HubSettings {
  /** `HF_ENDPOINT`, without a slash at the end. */
  readonly endpoint: string;
  /** `HF_HUB_OFFLINE`: nothing is asked of the network. */
  readonly offline: boolean;
  /** `HF_TOKEN`. */
  readonly token: string | undefined;
  readonly createProgress: ProgressFactory | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Reads the environment. */
export function hubSettings(progress: Pick<HubSettings, 'createProgress' | 'signal'>): HubSettings {
  const { HF_ENDPOINT, HF_HUB_OFFLINE, HF_TOKEN } = process.env;
  const endpoint = (HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  ensure(
    URL.canParse(endpoint) && /^https?:/.test(endpoint),
    'readWeights',
    'HF_ENDPOINT to be an address (http, https)',
    endpoint,
  );
  return {
    endpoint,
    offline: /^(1|on|yes|true)$/i.test(HF_HUB_OFFLINE ?? ''),
    token: HF_TOKEN?.trim() || undefined,
    ...progress,
  };
}
