/** Options of `node:tls` with which it shows and takes what it would else refuse itself, so that the peer must refuse it. */
import { DEFAULT_CIPHERS } from 'node:tls';

/** Any key and any signature, with the ordinary suites. */
export const weakest: { readonly ciphers: string } = { ciphers: `${DEFAULT_CIPHERS}:@SECLEVEL=0` };
