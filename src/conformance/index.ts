/** Conformance cases for WebSocket peers of any make, as data, and what runs them. */
export type {
  Case,
  CaseResult,
  ExchangeCase,
  GroupName,
  Need,
  Severity,
  Target,
  TlsCase,
  Verdict,
  WireEvent,
} from './case.js';
export { allCases, groups } from './catalogue.js';
export { type Chunking, chunkingName } from './chunking.js';
export type { RunOptions } from './options.js';
export { renderHtml } from './report/html.js';
export { renderJson } from './report/json.js';
export { renderJunit } from './report/junit.js';
export type { Run } from './report/run.js';
export { type Summary, summarize, verdicts } from './results.js';
export { type TestClientsOptions, testClients } from './test-clients.js';
export { NotTestableError, type TestServerOptions, testServer } from './test-server.js';
