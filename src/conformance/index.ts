/** Conformance cases for WebSocket peers of any make, as data, and what runs them. */
export type { Case, CaseResult, ExchangeCase, GroupName, Need, Severity, Target, TlsCase, Verdict } from './case.js';
export { allCases, groups } from './catalogue.js';
