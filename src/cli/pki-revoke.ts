import type { Command } from './command.js';
export const pkiRevoke: Command = {
  name: 'pki revoke',
  summary: '',
  operand: '[FILE…]',
  flags: [],
  required: [],
  notes: '',
  run: async () => 0,
};
