/** The object identifiers that certificates of TLS use, in dotted decimal. This file imports nothing. */

/** Attribute types of a distinguished name (RFC 5280 appendix A.1, RFC 4519 §2). */
export const attributeOids = {
  commonName: '2.5.4.3',
  surname: '2.5.4.4',
  serialNumber: '2.5.4.5',
  countryName: '2.5.4.6',
  localityName: '2.5.4.7',
  stateOrProvinceName: '2.5.4.8',
  streetAddress: '2.5.4.9',
  organizationName: '2.5.4.10',
  organizationalUnitName: '2.5.4.11',
  title: '2.5.4.12',
  givenName: '2.5.4.42',
  emailAddress: '1.2.840.113549.1.9.1',
  userId: '0.9.2342.19200300.100.1.1',
  domainComponent: '0.9.2342.19200300.100.1.25',
} as const;

/** The short names by which RFC 4514 §3 and common tools write attribute types. */
export const attributeShortNames: Readonly<Record<string, string>> = {
  [attributeOids.commonName]: 'CN',
  [attributeOids.surname]: 'SN',
  [attributeOids.serialNumber]: 'serialNumber',
  [attributeOids.countryName]: 'C',
  [attributeOids.localityName]: 'L',
  [attributeOids.stateOrProvinceName]: 'ST',
  [attributeOids.streetAddress]: 'STREET',
  [attributeOids.organizationName]: 'O',
  [attributeOids.organizationalUnitName]: 'OU',
  [attributeOids.title]: 'title',
  [attributeOids.givenName]: 'GN',
  [attributeOids.emailAddress]: 'emailAddress',
  [attributeOids.userId]: 'UID',
  [attributeOids.domainComponent]: 'DC',
};

/** Extensions of a certificate (RFC 5280 §4.2). */
export const extensionOids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Extensions of a certificate revocation list (RFC 5280 §5.2) and of its entries (§5.3). */
export const crlExtensionOids = {
  cRLNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  deltaCRLIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  certificateIssuer: '2.5.29.29',
} as const;

/** Purposes of the extended key usage extension (RFC 5280 §4.2.1.12). */
export const purposeOids = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** Signature algorithms (RFC 5758 §3.2, RFC 4055 §3 and §5, RFC 8410 §3); the weak ones (RFC 3279 §2.2) are for forgeries only. */
export const signatureOids = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  ecdsaWithSha512: '1.2.840.10045.4.3.4',
  ecdsaWithSha1: '1.2.840.10045.4.1',
  sha256WithRsaEncryption: '1.2.840.113549.1.1.11',
  sha384WithRsaEncryption: '1.2.840.113549.1.1.12',
  sha512WithRsaEncryption: '1.2.840.113549.1.1.13',
  rsassaPss: '1.2.840.113549.1.1.10',
  sha1WithRsaEncryption: '1.2.840.113549.1.1.5',
  md5WithRsaEncryption: '1.2.840.113549.1.1.4',
  ed25519: '1.3.101.112',
  ed448: '1.3.101.113',
} as const;

/** Digests that the parameters of RSASSA-PSS name (RFC 4055 §2.1), and its mask generation function (§2.2). */
export const digestOids = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const;

export const mgf1Oid = '1.2.840.113549.1.1.8';
