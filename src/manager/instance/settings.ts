import type { Activity, OwnTimeouts } from '../../../machines/workspace-timeout.js';
import { parseDuration } from '../../config/duration.js';
import { StewardError } from '../../errors/steward-error.js';
import {
  AdmissionLevel,
  PortProtocol,
  type PortSpec,
  PortVisibility,
  type StartWorkspaceSpec,
} from '../../gen/ws-manager-api/core.js';
import { requiredText } from '../../grpc/validation.js';
import {
  DURATION_LENGTH_MAX,
  GO_DURATION_MAX_MS,
  PORT_MAX,
  PORTS_MAX,
  SSH_KEY_LENGTH_MAX,
  SSH_KEYS_LENGTH_MAX,
  SSH_KEYS_MAX,
} from '../bounds.js';

export interface Port {
  readonly port: number;
  readonly visibility: 'private' | 'public';
  readonly protocol: 'http' | 'https';
}

/** What its user may change while an instance lives; at first what its start asked for. */
export interface InstanceSettings extends OwnTimeouts {
  readonly admission: 'owner' | 'everyone';
  /** In the order they were exposed; a number at most once. */
  readonly ports: readonly Port[];
  readonly sshKeys: readonly string[];
}

export const NEVER_ACTIVE: Activity = { first: undefined, last: undefined, closed: false };

/** The settings a start asks for; `invalid-argument`, with the field, when it asks for something impossible. */
export function settingsOf(spec: StartWorkspaceSpec): InstanceSettings {
  return {
    timeoutMs: optionalDuration(spec.timeout, 'spec.timeout'),
    closedTimeoutMs: optionalDuration(spec.closedTimeout, 'spec.closed_timeout'),
    lifetimeMs: optionalDuration(spec.maximumLifetime, 'spec.maximum_lifetime'),
    admission: checkedAdmission(spec.admission, 'spec.admission'),
    ports: checkedPorts(spec.ports),
    sshKeys: spec.sshPublicKeys.length === 0 ? [] : checkedKeys(spec.sshPublicKeys, 'spec.ssh_public_keys'),
  };
}

/** Milliseconds from a duration as Go takes it, which must not be negative. */
export function checkedDuration(text: string, field: string): number {
  const milliseconds = text.length <= DURATION_LENGTH_MAX ? parseDuration(text) : undefined;
  if (milliseconds === undefined || milliseconds > GO_DURATION_MAX_MS) {
    throw invalid(field, 'is not a duration such as 30m or 1h30m');
  }
  if (milliseconds < 0) throw invalid(field, 'is negative');
  return milliseconds;
}

export function checkedAdmission(level: AdmissionLevel, field: string): InstanceSettings['admission'] {
  switch (level) {
    case AdmissionLevel.ADMIT_OWNER_ONLY:
      return 'owner';
    case AdmissionLevel.ADMIT_EVERYONE:
      return 'everyone';
    default:
      throw invalid(field, 'is not a known level');
  }
}

export function checkedPort(spec: PortSpec, field: string): Port {
  return {
    port: checkedPortNumber(spec.port, `${field}.port`),
    visibility: visibilityOf(spec.visibility, `${field}.visibility`),
    protocol: protocolOf(spec.protocol, `${field}.protocol`),
  };
}

export function checkedPortNumber(port: number, field: string): number {
  if (Number.isInteger(port) && port >= 1 && port <= PORT_MAX) return port;
  throw invalid(field, `is not between 1 and ${PORT_MAX}`);
}

/** At least one, each on a line of its own in the file it ends up in. */
export function checkedKeys(keys: readonly string[], field: string): readonly string[] {
  if (keys.length === 0) throw invalid(field, 'is empty');
  if (keys.length > SSH_KEYS_MAX) throw invalid(field, `has more than ${SSH_KEYS_MAX} keys`);
  const length = keys.reduce((sum, key) => sum + key.length, 0);
  if (length > SSH_KEYS_LENGTH_MAX) throw invalid(field, `is longer than ${SSH_KEYS_LENGTH_MAX} characters`);
  return keys.map((key, index) => requiredText(key, `${field}[${index}]`, SSH_KEY_LENGTH_MAX));
}

/** The port at the end, as it is asked for now; `invalid-argument`, with the field, when there are too many. */
export function withPort(ports: readonly Port[], port: Port, field: string): readonly Port[] {
  const others = withoutPort(ports, port.port);
  if (others.length >= PORTS_MAX) throw invalid(field, `would be more than ${PORTS_MAX} exposed ports`);
  return [...others, port];
}

export function withoutPort(ports: readonly Port[], port: number): readonly Port[] {
  return ports.filter((one) => one.port !== port);
}

function optionalDuration(text: string, field: string): number | undefined {
  return text === '' ? undefined : checkedDuration(text, field);
}

function checkedPorts(specs: readonly PortSpec[]): readonly Port[] {
  if (specs.length > PORTS_MAX) throw invalid('spec.ports', `has more than ${PORTS_MAX} ports`);
  return specs.map((spec, index) => checkedPort(spec, `spec.ports[${index}]`));
}

function visibilityOf(visibility: PortVisibility, field: string): Port['visibility'] {
  switch (visibility) {
    case PortVisibility.PORT_VISIBILITY_PRIVATE:
      return 'private';
    case PortVisibility.PORT_VISIBILITY_PUBLIC:
      return 'public';
    default:
      throw invalid(field, 'is not a known visibility');
  }
}

function protocolOf(protocol: PortProtocol, field: string): Port['protocol'] {
  switch (protocol) {
    case PortProtocol.PORT_PROTOCOL_HTTP:
      return 'http';
    case PortProtocol.PORT_PROTOCOL_HTTPS:
      return 'https';
    default:
      throw invalid(field, 'is not a known protocol');
  }
}

function invalid(field: string, problem: string): StewardError {
  return new StewardError('invalid-argument', `${field} ${problem}`);
}
