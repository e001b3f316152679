/** Frame headers (RFC 6455 §5.2). */
import type { Case } from '../case.js';
import { framingLengthCases } from './framing-lengths.js';
import { framingReservedCases } from './framing-reserved.js';

export const framingCases: readonly Case[] = [...framingLengthCases, ...framingReservedCases];
