import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

export const repository = join(import.meta.dirname, '..', '..');

/** One of our TypeScript files, parsed. */
export interface SourceFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
  /** What it imports, `import()` included: packages as written, own files as paths in the repository. */
  readonly imports: readonly string[];
}

/** Every TypeScript file below the folders, apart from generated ones. */
export function sourceFiles(...folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) => {
    const entries = readdirSync(join(repository, folder), { recursive: true, withFileTypes: true });
    const paths = entries.map((entry) => relative(repository, join(entry.parentPath, entry.name)));
    return paths.filter((path) => /\.m?ts$/.test(path) && !path.startsWith('src/gen/')).map(parse);
  });
}

/** Calls `visit` for every node of the file. */
export function walk(file: SourceFile, visit: (node: ts.Node) => void): void {
  const step = (node: ts.Node) => {
    visit(node);
    node.forEachChild(step);
  };
  step(file.tree);
}

/** `path:line` of a node. */
export function placeOf(file: SourceFile, node: ts.Node): string {
  return `${file.path}:${file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line + 1}`;
}

function parse(path: string): SourceFile {
  const text = readFileSync(join(repository, path), 'utf8');
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const imports = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
  return { path, text, tree, imports: imports.map((name) => resolve(path, name)) };
}

function resolve(from: string, name: string): string {
  return name.startsWith('.') ? join(dirname(from), name.replace(/\.js$/, '.ts')) : name;
}
