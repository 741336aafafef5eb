/**
 * Which row phase may follow which, by hand from the rules of the compatible system's bridge (its phases, rule 3)
 * and not from the code: one line per stored phase, the accepted ones behind it.
 */
export const phaseTable: Readonly<Record<string, string>> = {
  unknown: 'unknown preparing building pending creating initializing running interrupted stopping stopped',
  preparing: 'unknown preparing building pending creating initializing running interrupted stopping stopped',
  building: 'unknown preparing building pending creating initializing running interrupted stopping stopped',
  pending: 'pending creating initializing running interrupted stopping stopped',
  creating: 'pending creating initializing running interrupted stopping stopped',
  initializing: 'pending creating initializing running interrupted stopping stopped',
  running: 'running interrupted stopping stopped',
  interrupted: 'running interrupted stopping stopped',
  stopping: 'stopping stopped',
  stopped: 'stopped',
};

export function tableAllows(from: string, to: string): boolean {
  return (phaseTable[from] ?? '').split(' ').includes(to);
}
