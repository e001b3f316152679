/** Examines certificates in files and live servers, and says what is wrong with them and what mends it. */
export { type Examined, expiryThresholdDays } from './certificate.js';
export type { GivenFile } from './file.js';
export { examineFiles, type FilesToExamine, type FilesVerdict } from './files.js';
export { type Finding, type FindingId, findingSeverities, hasError, type Severity, type Subject } from './finding.js';
export type { Opening } from './opening.js';
export { doctorCommand, shellWord } from './remedies.js';
export { examineServer, type ServerToExamine } from './server.js';
