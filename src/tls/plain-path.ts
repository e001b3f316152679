/** Paths that everybody reads alike. This file imports nothing. */

/** Segments of RFC 3986 §3.3, without `%`, `;` and `*`; neither empty nor of dots. */
const plain = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~!$&'()+,=:@-]+)*\/?$/;

/**
 * Whether a path has one reading only, whoever decodes or normalizes it: it begins with `/`, and has no `%`, no empty,
 * `.` or `..` segment, no backslash, and no character beyond letters, digits and ``-._~!$&'()+,=:@``. A `/` may end it.
 */
export function isPlainPath(path: string): boolean {
  return path !== '' && plain.test(path);
}
