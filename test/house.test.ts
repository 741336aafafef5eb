import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { placeOf, repository, type SourceFile, sourceFiles, walk } from './support/source-files.js';

const LINES_MAX = 400;

/** The floors of src, lowest first. A folder may import its own floor, if that is allowed, and all below. */
const FLOORS: readonly { readonly folders: readonly string[]; readonly mayImportEachOther: boolean }[] = [
  { folders: ['gen', 'errors'], mayImportEachOther: false },
  { folders: ['gateways'], mayImportEachOther: false },
  {
    folders: ['supervision', 'records', 'grpc', 'storage', 'database', 'events', 'telemetry', 'config'],
    mayImportEachOther: true,
  },
  { folders: ['content', 'explanation', 'isolation', 'limits', 'runtime'], mayImportEachOther: true },
  { folders: ['daemon', 'manager', 'bridge'], mayImportEachOther: false },
  { folders: ['cli'], mayImportEachOther: false },
];

/** What reaches the world outside, and so belongs into src/gateways. */
const OUTSIDE_MODULES =
  /^(node:)?(fs|fs\/promises|child_process|timers|timers\/promises|worker_threads|cluster)$|^fs-extra$/;
const OUTSIDE_CALLS = new Set([
  'Date.now',
  'Math.random',
  'performance.now',
  'process.hrtime',
  'AbortSignal.timeout',
  'crypto.randomUUID',
  'randomUUID',
  'randomBytes',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'fetch',
]);

const src = sourceFiles('src');
const machines = sourceFiles('machines');
const all = [...src, ...machines, ...sourceFiles('test', 'scripts', 'bench')];

describe('the house', () => {
  it('has imports that point down only', () => {
    const wrong = src.flatMap((file) =>
      file.imports.filter((to) => !mayImport(file.path, to)).map((to) => `${file.path} imports ${to}`),
    );
    expect(wrong, 'move it up or down, or pass what is needed as an argument').toEqual([]);
  });

  it('has a floor and a reason for every folder of src', () => {
    const reasons = readFileSync(join(repository, 'docs/architecture/layout.md'), 'utf8');
    const folders = readdirSync(join(repository, 'src'));
    expect(folders.filter((folder) => floorOf(`src/${folder}/x`) < 0)).toEqual([]);
    expect(
      folders.filter((folder) => !new RegExp(`^\\| \`src/${folder}\` \\| \\S`, 'm').test(reasons)),
    ).toEqual([]);
    const named = [...reasons.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path ?? '');
    expect(named.filter((path) => !existsSync(join(repository, path)))).toEqual([]);
  });

  it(`has no file longer than ${LINES_MAX} lines`, () => {
    const long = all.filter(({ text }) => text.split('\n').length > LINES_MAX + 1);
    expect(
      long.map(({ path }) => path),
      'split by what belongs together',
    ).toEqual([]);
  });

  it('reaches the world outside through gateways only', () => {
    const inside = src.filter(({ path }) => !path.startsWith('src/gateways/'));
    const found = [...inside, ...machines].flatMap((file) => [
      ...file.imports
        .filter((name) => OUTSIDE_MODULES.test(name))
        .map((name) => `${file.path} imports ${name}`),
      ...callsOutside(file),
    ]);
    expect(found, 'take the gateway as an argument').toEqual([]);
  });

  it('has pure machines: nothing but XState and each other, no clock, no console, no process', () => {
    const impure = machines.flatMap((file) => [
      ...file.imports.filter((name) => name !== 'xstate' && !name.startsWith('machines/')),
      ...globalsIn(file, /^(console|process|globalThis|Date|performance|queueMicrotask|Buffer)$/),
    ]);
    expect(impure, 'let events carry it into the machine').toEqual([]);
  });

  it('names every bound in a bounds.ts', () => {
    const elsewhere = src
      .filter(({ path }) => !path.endsWith('/bounds.ts'))
      .flatMap((file) => {
        const found = [...file.text.matchAll(/^(?:export )?const ([A-Z][A-Z0-9_]*_(?:MAX|MS|BYTES))\b/gm)];
        const names = found.map(([, name = '']) => name).filter((name) => !isUnit(name));
        return names.map((name) => `${file.path}: ${name}`);
      });
    expect(elsewhere, "move it into its folder's bounds.ts").toEqual([]);
  });

  it('says of every bound, or group of bounds, what it is for', () => {
    const unclear = src
      .filter(({ path }) => path.endsWith('/bounds.ts'))
      .flatMap((file) => {
        const first = [...file.text.matchAll(/^(.*)\n(?:export )?const (\w+)/gm)];
        return first
          .filter(([, before = '']) => before.trim() === '' || before.startsWith('import'))
          .map(([, , name]) => `${file.path}: ${name} has no comment`);
      });
    expect(unclear).toEqual([]);
  });

  it('has no drawers: no utils, helpers, common, nor managers beside the one of workspaces', () => {
    const drawers = all.filter(({ path }) =>
      path.split('/').some((part) => {
        const words = part.replace(/(\.test)?\.ts$/, '');
        return /^(utils?|helpers?|common|misc)$|-(utils?|helpers?)$/.test(words) || isOtherManager(words);
      }),
    );
    expect(
      drawers.map(({ path }) => path),
      'name it after what it does',
    ).toEqual([]);
  });

  it('has no holes in its types', () => {
    const holes = all.flatMap((file) => {
      const found: string[] = [];
      walk(file, (node) => {
        const isHole = node.kind === ts.SyntaxKind.AnyKeyword || ts.isNonNullExpression(node);
        if (isHole) found.push(`${placeOf(file, node)} ${node.getText(file.tree)}`);
      });
      return found;
    });
    expect(holes, 'use unknown, and check it').toEqual([]);
  });

  it('silences no checker and leaves no task behind', () => {
    const marks = new RegExp(['@ts-(ignore|nocheck)', 'biome-ignore', '\\b(TODO|FIXME|XXX)\\b'].join('|'));
    const marked = all.filter(({ path, text }) => path !== 'test/house.test.ts' && marks.test(text));
    expect(marked.map(({ path, text }) => `${path}: ${marks.exec(text)?.[0]}`)).toEqual([]);
  });

  it('exports things where they are: no barrels', () => {
    const barrels = [...src, ...machines].flatMap((file) => {
      const found: string[] = [];
      walk(file, (node) => {
        if (ts.isExportDeclaration(node) && node.moduleSpecifier) found.push(placeOf(file, node));
      });
      return found;
    });
    expect(barrels, 'import from where it is').toEqual([]);
  });
});

function mayImport(from: string, to: string): boolean {
  if (to.startsWith('machines/')) return true;
  if (!to.startsWith('src/')) return !/^(test|scripts|bench)\//.test(to);
  const [fromFolder, toFolder] = [from.split('/')[1], to.split('/')[1]];
  if (fromFolder === toFolder) return true;
  const [fromFloor, toFloor] = [floorOf(from), floorOf(to)];
  return toFloor < fromFloor || (toFloor === fromFloor && (FLOORS[fromFloor]?.mayImportEachOther ?? false));
}

/** How many milliseconds an hour has is a fact, not a bound. */
function isUnit(name: string): boolean {
  return /^(SECOND|MINUTE|HOUR|DAY)_MS$|_PER_/.test(name);
}

function isOtherManager(words: string): boolean {
  return words.endsWith('-manager') && !/^(ws|workspace|start|fake)-manager$/.test(words);
}

function floorOf(path: string): number {
  const folder = path.split('/')[1] ?? '';
  return FLOORS.findIndex(({ folders }) => folders.includes(folder));
}

function callsOutside(file: SourceFile): string[] {
  const found: string[] = [];
  walk(file, (node) => {
    const isCall = ts.isCallExpression(node) || ts.isNewExpression(node);
    if (!isCall) return;
    const name = node.expression.getText(file.tree);
    const isNow = ts.isNewExpression(node) && name === 'Date' && (node.arguments?.length ?? 0) === 0;
    if (isNow || OUTSIDE_CALLS.has(name.replace(/^globalThis\./, '')))
      found.push(`${placeOf(file, node)} ${name}`);
  });
  return found;
}

/** Uses of a global name as a value. */
function globalsIn(file: SourceFile, names: RegExp): string[] {
  const found: string[] = [];
  walk(file, (node) => {
    if (!ts.isIdentifier(node) || !names.test(node.text)) return;
    const isMember = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node;
    const isName = ts.isPropertyAssignment(node.parent) || ts.isPropertySignature(node.parent);
    if (!isMember && !isName) found.push(`${placeOf(file, node)} ${node.text}`);
  });
  return found;
}
