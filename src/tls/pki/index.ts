/** Certificates for development and tests, made in memory without any tool. */
export {
  type Authority,
  type AuthorityOptions,
  createAuthority,
  type IssuedCertificate,
  type IssueOptions,
  type KeyType,
  type ValidityOptions,
} from './authority.js';
export { createDevelopmentPki, type DevelopmentPki } from './development.js';
export type { IssuedRevocationList, RevocationListOptions, RevokedCertificate } from './revocation-list.js';
