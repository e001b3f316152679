/** Runs the cases of the group `tls`: finds the procedure of a case, and makes an outcome of whatever it throws. */
import { escapeText } from '../text.js';
import type { TlsCase } from './case.js';
import { clientProcedures } from './tls/against-client.js';
import { serverProcedures } from './tls/against-server.js';
import { NotToBeHad } from './tls/bad-certificates.js';
import { Diary } from './tls/link.js';
import type { Outcome, RunTlsCase, TlsContext } from './tls-context.js';

/** The case's procedure, ready to run; `undefined` when there is none of its name. */
function procedureOf(
  { procedure, severity }: TlsCase,
  context: TlsContext,
): ((diary: Diary) => Promise<Outcome>) | undefined {
  const [name = '', ...args] = procedure.split(' ');
  if (context.target === 'server') {
    const run = Object.hasOwn(serverProcedures, name) ? serverProcedures[name] : undefined;
    return run && ((diary) => run(context, diary, args, severity));
  }
  const run = Object.hasOwn(clientProcedures, name) ? clientProcedures[name] : undefined;
  return run && ((diary) => run(context, diary, args, severity));
}

export const runTlsCase: RunTlsCase = async (testCase, context) => {
  const diary = new Diary();
  const run = procedureOf(testCase, context);
  try {
    if (run === undefined) throw new Error(`the runner has no procedure "${testCase.procedure}"`);
    return await run(diary);
  } catch (error) {
    const reason = escapeText((error as Error).message);
    if (error instanceof NotToBeHad) return diary.skipped(reason);
    return { ...diary.failed(reason), verdict: 'broken' };
  }
};
