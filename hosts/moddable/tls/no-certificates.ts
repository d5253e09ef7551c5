/**
 * In place of the SDK's check of certificates, which is not used (see
 * `trust.ts`): its session makes one before it can be given another.
 */
export default class CertificateManager {}
