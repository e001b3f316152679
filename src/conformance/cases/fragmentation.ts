/** Fragments, and what may come between them (RFC 6455 §5.4). */
import type { Case } from '../case.js';
import { fragmentOrderCases } from './fragmentation-order.js';
import { fragmentCases } from './fragments.js';

export const fragmentationCases: readonly Case[] = [...fragmentCases, ...fragmentOrderCases];
