import { type Command, Option } from 'commander';
import {
  type AdmissionConstraint,
  ClusterServiceService,
  Preferability,
  type TlsConfig,
  type UpdateRequest,
} from '../gen/ws-manager-bridge-api/cluster-service.js';
import { createClient } from '../grpc/client.js';
import { countArgument } from './arguments.js';
import { TLS_FILE_BYTES } from './bounds.js';
import { example, type RunVerb } from './run-verb.js';
import type { Session } from './session.js';
import { UsageError } from './usage-error.js';

interface Credentials {
  readonly managerCa?: string;
  readonly managerCert?: string;
  readonly managerKey?: string;
}

interface RegisterOptions extends Credentials {
  readonly url: string;
  readonly region?: string;
  readonly prefer?: PreferName;
  readonly cordoned?: boolean;
  readonly permission?: readonly string[];
  readonly featurePreview?: boolean;
}

const preferences = {
  normally: Preferability.None,
  first: Preferability.Prefer,
  never: Preferability.DontSchedule,
} as const;
type PreferName = keyof typeof preferences;

export function addRegister(group: Command, run: RunVerb): void {
  const register = group
    .command('register')
    .description('follow another cluster; its manager is asked before anything is changed')
    .argument('<name>', 'its name: letters, digits, dots, dashes, underscores')
    .requiredOption(
      '--url <address>',
      'where its manager answers: host:port, dns:///host:port or unix:/path',
    );
  credentials(register)
    .option('--region <region>', 'europe, north-america, south-america, africa or asia')
    .addOption(
      new Option('--prefer <how>', 'how much it is wanted for new workspaces').choices(
        Object.keys(preferences),
      ),
    )
    .option('--cordoned', 'give it no new workspaces at first')
    .option('--permission <name>', 'only for users with this permission; may be repeated', collected)
    .option('--feature-preview', 'only for users who preview features')
    .addHelpText(
      'after',
      example(
        'steward cluster register eu-1 --url ws-manager.eu.example:8080 --region europe --manager-ca ca.pem --manager-cert bridge.pem --manager-key bridge.key',
        'steward cluster register here --url unix:/run/other/manager.sock',
      ),
    )
    .action((name: string, options: RegisterOptions, command: Command) =>
      run(command, (session) => registerCluster(session, name, options)),
    );
}

interface UpdateOptions extends Credentials {
  readonly score?: number;
  readonly maxScore?: number;
  readonly addPermission?: readonly string[];
  readonly removePermission?: readonly string[];
  readonly addFeaturePreview?: boolean;
  readonly removeFeaturePreview?: boolean;
}

export function addUpdate(group: Command, run: RunVerb): void {
  const update = group
    .command('update')
    .description('change what a cluster may get, or how it is reached; one thing after the other')
    .argument('<cluster>', 'name of the cluster');
  const score = (flags: string, description: string) =>
    new Option(flags, description).argParser(countArgument);
  credentials(update)
    .addOption(score('--score <number>', 'its weight among the clusters; 0 for no new workspaces'))
    .addOption(score('--max-score <number>', 'the most its weight counts'))
    .option('--add-permission <name>', 'only for users with it from now on; may be repeated', collected)
    .option('--remove-permission <name>', 'no longer only for users with it; may be repeated', collected)
    .option('--add-feature-preview', 'only for users who preview features')
    .option('--remove-feature-preview', 'no longer only for them')
    .addHelpText(
      'after',
      example(
        'steward cluster update eu-1 --score 20',
        'steward cluster update eu-1 --add-permission developer',
      ),
    )
    .action((name: string, options: UpdateOptions, command: Command) =>
      run(command, (session) => updateCluster(session, name, options)),
    );
}

function credentials(command: Command): Command {
  return command
    .option('--manager-ca <file>', "certificates of the authorities of the manager's certificate (PEM)")
    .option('--manager-cert <file>', 'certificate the bridge shows to the manager (PEM)')
    .option('--manager-key <file>', 'key of that certificate (PEM)');
}

function collected(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, text];
}

async function registerCluster(session: Session, name: string, options: RegisterOptions) {
  const client = createClient(ClusterServiceService, await session.channel('bridge'));
  const tls = (await tlsOf(session, options)) ?? { ca: '', crt: '', key: '' };
  const permissions = (options.permission ?? []).map(permissionNamed);
  const hints = {
    perfereability: preferences[options.prefer ?? 'normally'],
    cordoned: options.cordoned === true,
  };
  const admissionConstraints = [...permissions, ...(options.featurePreview === true ? [PREVIEW] : [])];
  const { url, region = '' } = options;
  await client.register({ name, url, tls, hints, admissionConstraints, region }, session.call);
  session.show.result({ cluster: name, url, registered: true }, [
    `${name} is registered; \`steward cluster list\` shows how its manager is doing.`,
  ]);
  return undefined;
}

async function updateCluster(session: Session, name: string, options: UpdateOptions) {
  const properties = await propertiesOf(session, options);
  if (properties.length === 0)
    throw new UsageError('say what to change: --score, --max-score, --add-permission …');
  const client = createClient(ClusterServiceService, await session.channel('bridge'));
  for (const property of properties) await client.update({ name, property }, session.call);
  session.show.result({ cluster: name, changed: properties.map(({ $case }) => $case) }, [
    `${name} is changed.`,
  ]);
  return undefined;
}

type Property = NonNullable<UpdateRequest['property']>;

async function propertiesOf(session: Session, options: UpdateOptions): Promise<readonly Property[]> {
  const { score, maxScore } = options;
  const tls = await tlsOf(session, options);
  const constrain = (add: boolean, constraint: AdmissionConstraint): Property => ({
    $case: 'admissionConstraint',
    value: { add, constraint },
  });
  return [
    ...(tls === undefined ? [] : [{ $case: 'tls', value: tls } as const]),
    ...(score === undefined ? [] : [{ $case: 'score', value: score } as const]),
    ...(maxScore === undefined ? [] : [{ $case: 'maxScore', value: maxScore } as const]),
    ...(options.addPermission ?? []).map((name) => constrain(true, permissionNamed(name))),
    ...(options.removePermission ?? []).map((name) => constrain(false, permissionNamed(name))),
    ...(options.addFeaturePreview === true ? [constrain(true, PREVIEW)] : []),
    ...(options.removeFeaturePreview === true ? [constrain(false, PREVIEW)] : []),
  ];
}

const PREVIEW: AdmissionConstraint = { constraint: { $case: 'hasFeaturePreview', value: {} } };

function permissionNamed(permission: string): AdmissionConstraint {
  return { constraint: { $case: 'hasPermission', value: { permission } } };
}

/** The files as the wire has them; undefined without any. */
async function tlsOf(
  { cli }: Session,
  { managerCa, managerCert, managerKey }: Credentials,
): Promise<TlsConfig | undefined> {
  if (managerCa === undefined && managerCert === undefined && managerKey === undefined) return undefined;
  if (managerCa === undefined || managerCert === undefined || managerKey === undefined)
    throw new UsageError('--manager-ca, --manager-cert and --manager-key go together');
  const base64 = async (flag: string, path: string) => {
    try {
      return (await cli.world.files.read(path, TLS_FILE_BYTES)).toString('base64');
    } catch {
      throw new UsageError(`the file of ${flag} cannot be read: ${path}`);
    }
  };
  return {
    ca: await base64('--manager-ca', managerCa),
    crt: await base64('--manager-cert', managerCert),
    key: await base64('--manager-key', managerKey),
  };
}
