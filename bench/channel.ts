/** What the measuring process and a measured one say to each other. */
import type { ServerCredentials } from './wire.js';

/**
 * What is measured. `raw` is plain `node:tls`, bytes back as they come: the limit. `ours` takes messages in the fast
 * form, `ours-event` as events.
 */
export const subjects = ['raw', 'ours', 'ours-event', 'ws', 'ws+bufferutil'] as const;
export type Subject = (typeof subjects)[number];

export type Order = { readonly start: ServerCredentials } | { readonly tell: 'cpu' };

export type Answer = { readonly port: number } | { readonly cpuMicroseconds: number };
