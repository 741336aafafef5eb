import { expect, it } from 'vitest';
import { isUnassigned } from '../../../src/bridge/clusters/unassigned.js';

it.each([
  ['', 'gitpod', ['eu'], true],
  ['gitpod', 'gitpod', ['eu'], true],
  ['gitpod', 'gitpod', undefined, true],
  ['gitpod', 'gitpod', ['eu', 'gitpod'], false],
  ['eu', 'gitpod', ['eu'], false],
  ['gone', 'gitpod', ['eu'], false],
  ['Gitpod', 'gitpod', ['eu'], false],
])(
  'rows of the region "%s" in the installation "%s" with the clusters %s are of none: %s',
  (region, installation, clusters, expected) => {
    expect(isUnassigned(region, installation, clusters)).toBe(expected);
  },
);
