/** Certificates of a private authority, made in memory or below an authority in files, without any tool. */
export {
  type Authority,
  type AuthorityOptions,
  type CertificateKind,
  createAuthority,
  type IssuedCertificate,
  type IssueOptions,
  type ValidityOptions,
} from './authority.js';
export { createDevelopmentPki, type DevelopmentPki } from './development.js';
export type { KeyType } from './key-pair.js';
export { type AuthorityInput, loadAuthority } from './loaded-authority.js';
export { type LoadedRevocationList, loadRevocationList } from './loaded-revocation-list.js';
export type { IssuedRevocationList, RevocationListOptions, RevokedCertificate } from './revocation-list.js';
