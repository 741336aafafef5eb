import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AdmissionConstraint } from '../../../src/bridge/clusters/workspace-cluster.js';
import {
  all,
  type ClusterSet,
  intersect,
  invert,
  none,
  reservedFor,
} from '../../../src/bridge/selection/cluster-set.js';
import { type StartWish, startOrder, startSets } from '../../../src/bridge/selection/start-sets.js';
import { clusterNamed } from '../support/clusters.js';

const permission = (name: string): AdmissionConstraint => ({ type: 'has-permission', permission: name });
const NA = 'north-america';
const EU = 'europe';

/** The clusters of the published vectors. */
const clusters = [
  clusterNamed('c1', { score: 0, state: 'cordoned', region: NA }),
  clusterNamed('c2', { state: 'cordoned', region: NA }),
  clusterNamed('c3', { state: 'cordoned', region: NA, governed: false }),
  clusterNamed('a1', { score: 0, region: NA }),
  clusterNamed('a2', { region: NA }),
  clusterNamed('a3', { region: EU, governed: false }),
  clusterNamed('con1', { region: EU, admissionConstraints: [permission('new-workspace-cluster')] }),
  clusterNamed('con2', { region: EU, admissionConstraints: [permission('admin-workspace-content')] }),
];

const wish = (permissions: readonly string[] = [], region = '', workspaceClass = ''): StartWish => ({
  permissions: new Set(permissions),
  region,
  workspaceClass,
});
const names = (sets: readonly (readonly { name: string }[])[]) =>
  sets.map((set) => set.map(({ name }) => name).sort());

describe('the sets a workspace may start in', () => {
  it.each([
    [[], '', [['a2', 'a3']]],
    [['new-workspace-cluster'], '', [['con1'], ['a2', 'a3', 'con1']]],
    [['admin-workspace-content'], '', [['a2', 'a3', 'con2']]],
    [[], EU, [['a3'], ['a2']]],
  ])('with the permissions %j in region "%s" are %j', (permissions, region, sets) => {
    expect(names(startSets(clusters, wish(permissions, region)))).toEqual(sets);
  });

  it('hold only clusters that offer the class of the instance', () => {
    const large = { id: 'large', displayName: '', description: '', creditsPerMinute: 1 };
    const offers = [clusterNamed('a', { availableWorkspaceClasses: [large] }), clusterNamed('b')];
    expect(names(startSets(offers, wish([], '', 'large')))).toEqual([['a']]);
    expect(names(startSets(offers, wish([], '', 'huge')))).toEqual([]);
  });

  it('leave nobody out for a preview or a class that a constraint names', () => {
    const constraints: AdmissionConstraint[] = [
      { type: 'has-feature-preview' },
      { type: 'has-class', id: 'x', displayName: 'X' },
    ];
    const constrained = clusterNamed('a', { admissionConstraints: constraints });
    expect(names(startSets([constrained], wish()))).toEqual([['a']]);
  });

  it('want every permission of a cluster', () => {
    const both = clusterNamed('a', { admissionConstraints: [permission('x'), permission('y')] });
    expect(startSets([both], wish(['x']))).toEqual([]);
    expect(names(startSets([both], wish(['x', 'y'])))).toEqual([['a']]);
  });
});

describe('the algebra of sets', () => {
  const universe = ['a1', 'a2', 'a3', 'a4'].map((name) => clusterNamed(name));
  const onlyA1: ClusterSet = ({ name }) => name === 'a1';
  const everything = ['a1', 'a2', 'a3', 'a4'];

  it.each([
    ['invert(all)', invert(all), []],
    ['invert(none)', invert(none), everything],
    ['intersect(all, none)', intersect(all, none), []],
    ['intersect(all, all)', intersect(all, all), everything],
    ['intersect({a1}, none)', intersect(onlyA1, none), []],
    ['intersect(all, {a1})', intersect(all, onlyA1), ['a1']],
    ['intersect(all, {a1}, none)', intersect(all, onlyA1, none), []],
    ['intersect(all, invert(none))', intersect(all, invert(none)), everything],
  ])('%s', (_name, set, members) => {
    expect(universe.filter(set).map(({ name }) => name)).toEqual(members);
  });

  it('knows which clusters are reserved for a permission', () => {
    const pair = [
      clusterNamed('a1', { admissionConstraints: [permission('new-workspace-cluster')] }),
      clusterNamed('b1'),
    ];
    const reserved = (name: string) => pair.filter(reservedFor(name)).map((cluster) => cluster.name);
    expect(reserved('admin-workspace-content')).toEqual([]);
    expect(reserved('new-workspace-cluster')).toEqual(['a1']);
  });
});

describe('the order of the draw', () => {
  const drawn = (from: typeof clusters, points: readonly number[], at = wish()) => {
    let next = 0;
    const fraction = () => {
      const point = points[next % points.length] ?? 0;
      next += 1;
      return point;
    };
    return [...startOrder(from, at, { fraction })].map(({ name }) => name);
  };
  const weighted = [
    clusterNamed('a', { score: 10 }),
    clusterNamed('b', { score: 900, maxScore: 30 }),
    clusterNamed('c', { score: 60 }),
  ];

  it('goes by the weights, clamped, up to and with the prefix sum', () => {
    expect(drawn(weighted, [0])).toEqual(['a', 'b', 'c']);
    expect(drawn(weighted, [0.1, 0])).toEqual(['a', 'b', 'c']);
    expect(drawn(weighted, [0.11, 0])).toEqual(['b', 'a', 'c']);
    expect(drawn(weighted, [0.4, 0.99])).toEqual(['b', 'c', 'a']);
    expect(drawn(weighted, [0.41, 0])).toEqual(['c', 'a', 'b']);
  });

  it('takes the last when there is no weight at all', () => {
    const weightless = ['a', 'b', 'c'].map((name) => clusterNamed(name, { maxScore: 0 }));
    expect(drawn(weightless, [0.5])).toEqual(['c', 'b', 'a']);
  });

  it('draws every cluster of each set exactly once, set by set', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ score: fc.nat(200), maxScore: fc.nat(200), region: fc.constantFrom('', EU, NA) }),
          { maxLength: 8 },
        ),
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1 }),
        fc.constantFrom('', EU, NA),
        (made, points, region) => {
          const universe = made.map((but, index) => clusterNamed(`k${index}`, but));
          const order = drawn(universe, points, wish([], region));
          const sets = names(startSets(universe, wish([], region)));
          expect(order).toHaveLength(sets.flat().length);
          for (const set of sets) expect(order.splice(0, set.length).sort()).toEqual(set);
        },
      ),
    );
  });

  it('draws each first as often as its weight says', () => {
    const points = Array.from({ length: 1_000 }, (_, index) => (index + 0.5) / 1_000);
    const firsts = points.map((point) => drawn(weighted, [point])[0]);
    const times = (name: string) => firsts.filter((first) => first === name).length;
    expect([times('a'), times('b'), times('c')]).toEqual([100, 300, 600]);
  });
});
