import { StewardError } from '../../errors/steward-error.js';
import {
  Preferability,
  type RegisterRequest,
  type TlsConfig,
  type AdmissionConstraint as WireConstraint,
} from '../../gen/ws-manager-bridge-api/cluster-service.js';
import { isLocal, parseAddress } from '../../grpc/address.js';
import { knownEnum, optionalText, requiredMessage, requiredText } from '../../grpc/validation.js';
import {
  CLUSTER_NAME_LENGTH_MAX,
  CLUSTER_SCORE_MAX,
  CLUSTER_TEXT_LENGTH_MAX,
  CONSTRAINTS_MAX,
  PEM_TEXT_LENGTH_MAX,
} from '../bounds.js';
import { pemOf } from './manager-channel.js';
import {
  type AdmissionConstraint,
  type ClusterTls,
  isSameConstraint,
  type WorkspaceCluster,
} from './workspace-cluster.js';

/** Geographic regions of the compatible system; '' for none. */
export const REGIONS: readonly string[] = ['europe', 'north-america', 'south-america', 'africa', 'asia', ''];

/** Weight a cluster begins with. */
const scores = {
  [Preferability.Prefer]: 100,
  [Preferability.None]: 50,
  [Preferability.DontSchedule]: 0,
} as const;
const FIRST_MAX_SCORE = 100;

/** The region of a request; throws `invalid-argument`. The first thing that is checked. */
export function checkedRegion(region: string): string {
  if (REGIONS.includes(region)) return region;
  const known = REGIONS.filter((name) => name !== '').join(', ');
  throw new StewardError('invalid-argument', `region is none of ${known}, and not empty`);
}

/** Names become labels, paths in the tree and words of commands. */
export function checkedName(name: string): string {
  requiredText(name, 'name', CLUSTER_NAME_LENGTH_MAX);
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return name;
  throw new StewardError(
    'invalid-argument',
    'name must begin with a letter or digit and hold nothing but letters, digits, dots, dashes and underscores',
  );
}

export function checkedUrl(url: string): string {
  requiredText(url, 'url', CLUSTER_TEXT_LENGTH_MAX);
  if (!/\s/.test(url)) return url;
  throw new StewardError('invalid-argument', 'url must not contain blanks');
}

/** What is registered: the request as a cluster, its classes still unknown. Throws `invalid-argument`. */
export function clusterToRegister(request: RegisterRequest): WorkspaceCluster {
  const { hints } = request;
  const preferability = knownEnum(
    hints?.perfereability ?? Preferability.None,
    Preferability,
    'hints.perfereability',
  );
  return {
    name: request.name,
    url: request.url,
    tls: tlsToRegister(requiredMessage(request.tls, 'tls'), request.url),
    state: hints?.cordoned === true ? 'cordoned' : 'available',
    score: preferability === Preferability.UNRECOGNIZED ? 0 : scores[preferability],
    maxScore: FIRST_MAX_SCORE,
    governed: true,
    admissionConstraints: checkedConstraints(request.admissionConstraints),
    region: request.region,
    availableWorkspaceClasses: [],
    preferredWorkspaceClass: '',
    isStatic: false,
  };
}

/** All three members, each the base64 of a PEM text. */
export function checkedTls({ ca, crt, key }: TlsConfig): ClusterTls {
  const tls = { ca, crt, key };
  for (const [member, text] of Object.entries(tls)) {
    if (text === '') throw new StewardError('invalid-argument', `tls.${member} is empty`);
    if (text.length <= PEM_TEXT_LENGTH_MAX) continue;
    throw new StewardError(
      'invalid-argument',
      `tls.${member} is longer than ${PEM_TEXT_LENGTH_MAX} characters`,
    );
  }
  pemOf(tls);
  return tls;
}

/** Three empty members ask for a plain connection, which only a manager on this machine may get. */
function tlsToRegister(tls: TlsConfig, url: string): ClusterTls | undefined {
  if (tls.ca !== '' || tls.crt !== '' || tls.key !== '') return checkedTls(tls);
  if (isOnThisMachine(url)) return undefined;
  throw new StewardError(
    'invalid-argument',
    'tls is empty, and only a manager on this machine is reached without',
  );
}

function isOnThisMachine(url: string): boolean {
  try {
    return isLocal(parseAddress(url));
  } catch {
    return false;
  }
}

/** Repeated ones are taken once. */
function checkedConstraints(constraints: readonly WireConstraint[]): readonly AdmissionConstraint[] {
  if (constraints.length > CONSTRAINTS_MAX) {
    throw new StewardError(
      'invalid-argument',
      `admission_constraints has more than ${CONSTRAINTS_MAX} entries`,
    );
  }
  return constraints
    .map((constraint) => checkedConstraint(constraint, 'admission_constraints'))
    .filter((constraint, at, all) => all.findIndex((other) => isSameConstraint(other, constraint)) === at);
}

export function checkedConstraint({ constraint }: WireConstraint, field: string): AdmissionConstraint {
  const known = requiredMessage(constraint, `${field}.constraint`);
  switch (known.$case) {
    case 'hasFeaturePreview':
      return { type: 'has-feature-preview' };
    case 'hasPermission':
      return {
        type: 'has-permission',
        permission: requiredText(known.value.permission, `${field}.permission`, CLUSTER_TEXT_LENGTH_MAX),
      };
  }
}

export function checkedScore(score: number, field: string): number {
  if (score >= 0 && score <= CLUSTER_SCORE_MAX) return score;
  throw new StewardError('invalid-argument', `${field} must be from 0 to ${CLUSTER_SCORE_MAX}`);
}

/** Of a change or removal: rows may have names that no registration takes any more. */
export function namedCluster(name: string): string {
  if (name === '') throw new StewardError('invalid-argument', 'name is empty');
  return optionalText(name, 'name', CLUSTER_TEXT_LENGTH_MAX);
}
