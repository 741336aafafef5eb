import { describe, expect, it } from 'vitest';
import { isRowPhase, mayFollow, rowPhases } from '../../machines/phase-relation.js';
import { phaseTable, tableAllows } from '../bridge/support/phase-table.js';

describe('the phase relation', () => {
  it('is the hand-written table, pair by pair', () => {
    expect([...rowPhases].sort()).toEqual(Object.keys(phaseTable).sort());
    for (const from of rowPhases) {
      for (const to of rowPhases)
        expect([from, to, mayFollow(from, to)]).toEqual([from, to, tableAllows(from, to)]);
    }
  });

  it('lets every phase follow itself and nothing follow stopped', () => {
    for (const phase of rowPhases) expect(mayFollow(phase, phase)).toBe(true);
    expect(rowPhases.filter((phase) => mayFollow('stopped', phase))).toEqual(['stopped']);
  });

  it('is total and transitive, which merging of updates relies on', () => {
    for (const a of rowPhases) {
      for (const b of rowPhases) {
        expect(mayFollow(a, b) || mayFollow(b, a)).toBe(true);
        for (const c of rowPhases) if (mayFollow(a, b) && mayFollow(b, c)) expect(mayFollow(a, c)).toBe(true);
      }
    }
  });

  it('knows its phases by name', () => {
    expect(isRowPhase('running')).toBe(true);
    expect(isRowPhase('RUNNING')).toBe(false);
  });
});
