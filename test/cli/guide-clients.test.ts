import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'questions', 'how-do-i-talk-to-it.md'), 'utf8');

function block(language: string): string {
  const [, text] = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page) ?? [];
  if (text === undefined) throw new Error(`the page has no program in ${language}`);
  return text;
}

/** Names that a contract declares. */
function declared(file: string) {
  const text = readFileSync(join(root, 'proto', file), 'utf8').replace(/\/\/.*$/gm, '');
  const all = (pattern: RegExp) => new Set([...text.matchAll(pattern)].map(([, name = '']) => name));
  return {
    types: all(/^\s*(?:message|enum) (\w+)/gm),
    services: all(/^\s*service (\w+)/gm),
    methods: all(/^\s*rpc (\w+)/gm),
    fields: all(/^\s*(?:repeated |optional )?[\w.<>, ]+ (\w+) = \d+/gm),
  };
}

const core = declared('ws-manager-api/core.proto');
const names = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name);

/** `GetWorkspaces` of `get_workspaces`: what generated Go calls a field. */
const inGo = (field: string) => field.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());

describe('the Python program of the page', () => {
  const program = block('python');

  it('uses modules, services, methods, types and fields that the contracts have', () => {
    const [folder = ''] = names(program, /^from (\w+) import core_pb2, core_pb2_grpc/gm);
    expect(readdirSync(join(root, 'proto', folder.replaceAll('_', '-')))).toContain('core.proto');
    const services = names(program, /core_pb2_grpc\.(\w+)Stub/g);
    const methods = names(program, /manager\.(\w+)\(/g);
    const types = names(program, /core_pb2\.(\w+)/g);
    const fields = [...names(program, /\bstatus\.(\w+)/g), ...names(program, /\)\.(\w+):/g)];
    expect([services, methods, types, fields].map(({ length }) => length > 0)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(services.filter((name) => !core.services.has(name))).toEqual([]);
    expect(methods.filter((name) => !core.methods.has(name))).toEqual([]);
    expect(types.filter((name) => !core.types.has(name))).toEqual([]);
    expect(fields.filter((name) => !core.fields.has(name))).toEqual([]);
  });

  const python = answersTo('python3', '--version');
  it.skipIf(!python)(told('compiles', python, 'python3'), () => {
    const compile = 'import sys; compile(sys.stdin.read(), "page", "exec")';
    expect(execFileSync('python3', ['-c', compile], { input: program, stdio: 'pipe' }).toString()).toBe('');
  });
});

describe('the Go program of the page', () => {
  const program = block('go');

  it('uses services, methods, types and fields that the contracts have', () => {
    const services = names(program, /wsman\.New(\w+)Client\(/g);
    const methods = names(program, /manager\.(\w+)\(/g);
    const types = names(program, /&wsman\.(\w+)\{/g);
    const fields = names(program, /\b(?:status|answer)\.([A-Z]\w+)/g);
    const known = new Set([...core.fields].map(inGo));
    expect([services, methods, types, fields].map(({ length }) => length > 0)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(services.filter((name) => !core.services.has(name))).toEqual([]);
    expect(methods.filter((name) => !core.methods.has(name))).toEqual([]);
    expect(types.filter((name) => !core.types.has(name))).toEqual([]);
    expect(fields.filter((name) => !known.has(name))).toEqual([]);
  });

  const gofmt = answersTo('gofmt', '-h');
  it.skipIf(!gofmt)(told('is written as gofmt writes it', gofmt, 'gofmt'), () => {
    const indented = program.replace(/^(?=.)/gm, '\t');
    const file = `package main\n\nfunc main() {\n${indented}}\n`;
    expect(execFileSync('gofmt', { input: file, stdio: 'pipe' }).toString()).toBe(file);
  });
});

/** Whether the program is there; what it answers does not matter. */
function answersTo(program: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
}

/** A test that cannot run says so in its name and on the terminal. */
function told(name: string, isThere: boolean, tool: string): string {
  if (isThere) return name;
  const missing = `${name}: NOT RUN, ${tool} is not here`;
  console.warn(missing);
  return missing;
}
