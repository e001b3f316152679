/** Text made fit for XML 1.0, whatever a peer put into it. */

/** What XML 1.0 §2.2 has no way to write, not even as a reference. */
const illegal = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

const references: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  // A reader turns these into spaces or line feeds (XML 1.0 §2.11, §3.3.3), unless they are references.
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Returns `text` for use between tags and in quoted attributes; U+FFFD stands for each character XML cannot hold. */
export function escapeXml(text: string): string {
  return text.replace(illegal, '\ufffd').replace(/[&<>"\t\n\r]/g, (character) => references[character]!);
}

/** Returns ` name="value"` for each attribute. */
export function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join('');
}
