/** The grammar of `Sec-WebSocket-Extensions` (RFC 6455 §4.3, §9.1). */
import { isToken, Scanner } from './grammar.js';

/** One extension with its parameters, as it was offered or accepted. */
export interface ExtensionOffer {
  readonly name: string;
  /** In order; a parameter without value has `undefined`. */
  readonly parameters: ReadonlyArray<readonly [name: string, value: string | undefined]>;
}

/** Returns the extensions of the field's values in order; `undefined` when they break the grammar. */
export function parseExtensions(values: readonly string[]): ExtensionOffer[] | undefined {
  const offers: ExtensionOffer[] = [];
  for (const value of values) {
    const scanner = new Scanner(value);
    const before = offers.length;
    do {
      scanner.skipOws();
      // RFC 9110 §5.6.1: empty elements of a list are passed over.
      if (scanner.done || scanner.text[scanner.position] === ',') continue;
      const offer = parseOffer(scanner);
      if (offer === undefined) return undefined;
      offers.push(offer);
    } while (scanner.take(','));
    if (!scanner.done || offers.length === before) return undefined;
  }
  return offers;
}

function parseOffer(scanner: Scanner): ExtensionOffer | undefined {
  const name = scanner.token();
  if (name === undefined) return undefined;
  const parameters: Array<readonly [string, string | undefined]> = [];
  scanner.skipOws();
  while (scanner.take(';')) {
    scanner.skipOws();
    const parameter = scanner.token();
    if (parameter === undefined) return undefined;
    scanner.skipOws();
    let value: string | undefined;
    if (scanner.take('=')) {
      scanner.skipOws();
      // RFC 6455 §9.1: a quoted value MUST be a token once it is unquoted.
      value = scanner.text[scanner.position] === '"' ? scanner.quotedString() : scanner.token();
      if (value === undefined || !isToken(value)) return undefined;
      scanner.skipOws();
    }
    parameters.push([parameter, value]);
  }
  return { name, parameters };
}
