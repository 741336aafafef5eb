import type { Program } from '../../config/state-folder.js';
import { type ReadinessCondition, SystemServiceService } from '../../gen/steward/v1/system.js';
import { createClient } from '../../grpc/client.js';
import { PROBE_MS } from '../bounds.js';
import { PROGRAMS } from '../places.js';
import type { Session } from '../session.js';
import { type Finding, ok, warning } from './check.js';

/** Whether the programs of this state folder answer, and are ready. None has to run for a machine to be fit. */
export async function checkPrograms(session: Session): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const program of PROGRAMS) findings.push(await checkProgram(session, program));
  return findings;
}

async function checkProgram(session: Session, program: Program): Promise<Finding> {
  const address = session.places.addresses[program];
  try {
    const client = createClient(SystemServiceService, await session.channel(program));
    const info = await client.getInfo({}, { timeoutMs: PROBE_MS, signal: session.cli.interrupted });
    const noted = info.conditions.filter(({ ready, message }) => ready && message !== '');
    if (info.ready && noted.length === 0) return ok(program, `answers at ${address}, pid ${info.pid}`);
    if (info.ready) return warning(program, said(noted), 'It works, and somebody should look; see its log.');
    const broken = info.conditions.filter((condition) => !condition.ready);
    return warning(
      program,
      `not ready: ${said(broken)}`,
      'It mends itself when the cause is gone; see its log.',
    );
  } catch {
    return warning(program, `nobody answers at ${address}`, 'Start the system with `steward up`.');
  }
}

function said(conditions: readonly ReadinessCondition[]): string {
  return conditions.map(({ name, message }) => `${name}: ${message}`).join('; ');
}
