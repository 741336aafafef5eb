import { placesOf } from '../../../src/cli/places.js';
import { localSchemas } from '../../../src/cli/program-config.js';
import { configJsonSchema } from '../../../src/config/load-config.js';
import { realWorld } from '../../../src/gateways/real/world.js';
import { SimulatedClock } from '../../../src/gateways/simulated/clock.js';
import { SimulatedFiles } from '../../../src/gateways/simulated/files.js';

/** The JSON Schema, as far as the page needs it. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

/** Every key of every program: the types and defaults of the schemas that check the files. */
export async function configurationPage(): Promise<string> {
  const user = { uid: 0, home: '/root', env: {}, temporary: '/tmp' };
  // Machines differ in this, and the page must not.
  const world = { ...realWorld(), files: new SimulatedFiles(new SimulatedClock()) };
  const schemas = await localSchemas({ user, world }, placesOf(user, undefined));
  const sections = Object.entries(schemas).flatMap(([name, schema]) => [
    `## ${name}`,
    '',
    `Variables: \`STEWARD_${name.toUpperCase()}_…\``,
    '',
    '| key | type | default |',
    '|---|---|---|',
    ...rowsOf(configJsonSchema(schema), ''),
    '',
  ]);
  return [
    '# Configuration',
    '',
    'One JSON file per program (`--config`), or for `steward up` one with a section for each. A variable of the',
    'environment goes before the file: `queues.backup.concurrency` of the daemon is',
    '`STEWARD_DAEMON_QUEUES_BACKUP_CONCURRENCY`. Defaults are those of `steward up` as root; another user, or another',
    '`--state`, has other paths. What the keys mean is told in [configuration of the daemon](../configuration.md) and',
    '[operation](../operations.md). `steward config schema --program NAME` prints the schema for editors.',
    '',
    ...sections,
  ].join('\n');
}

function rowsOf(schema: Schema, path: string): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const here = path === '' ? key : `${path}.${key}`;
    const inner = innerOf(value);
    if (inner.length > 0) return [...new Set(inner.flatMap((one) => rowsOf(one, here)))];
    return [
      `| \`${here}\` | ${cell(typeOf(value))} | ${value.default === undefined ? '' : code(value.default)} |`,
    ];
  });
}

/** Objects with keys of their own, those of alternatives after each other. */
function innerOf(schema: Schema): readonly Schema[] {
  const alternatives = schema.anyOf ?? schema.oneOf ?? [schema];
  return alternatives.filter(({ properties }) => properties !== undefined);
}

function typeOf(schema: Schema): string {
  const { type = 'any', enum: values, items, anyOf, oneOf, minimum, maximum, additionalProperties } = schema;
  if (schema.const !== undefined) return code(schema.const);
  if (values !== undefined) return values.map(code).join(', ');
  const alternatives = anyOf ?? oneOf;
  if (alternatives !== undefined) return [...new Set(alternatives.map(typeOf))].join(' or ');
  if (items !== undefined) return `list of ${typeOf(items)}`;
  if (type === 'object' && typeof additionalProperties === 'object') return 'object by name';
  const isBounded = minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  const name = [type].flat().join(' or ');
  return isBounded ? `${name}, ${minimum} to ${maximum}` : name;
}

function code(value: unknown): string {
  return `\`${cell(typeof value === 'string' ? value : JSON.stringify(value))}\``;
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
