import {
  PortProtocol,
  type PortSpec,
  PortVisibility,
  WorkspaceConditionBool,
  type WorkspaceConditions,
  type WorkspaceStatus,
} from '../../gen/ws-manager-api/core.js';
import { STATUS_MESSAGE_LENGTH_MAX, STATUS_PORTS_MAX, STATUS_TEXT_LENGTH_MAX } from '../bounds.js';
import { isoTime } from './iso-time.js';
import { isObject, type JsonObject, type JsonValue } from './json.js';

/**
 * What an update changes in the JSON of a row's `status`: our keys only, everything else in it belongs to others.
 * null removes a key (RFC 7396). The phase and the version are added by whoever decides about them.
 *
 * An empty owner token or node never replaces a known one: early updates do not have them yet.
 */
export function statusPatch(
  stored: JsonObject,
  status: WorkspaceStatus,
  firstActivityAt: number | undefined,
): JsonObject {
  return {
    message: cut(status.message),
    exposedPorts: (status.spec?.exposedPorts ?? []).slice(0, STATUS_PORTS_MAX).map(portJson),
    timeout: fitting(status.spec?.timeout),
    ...nonEmpty('nodeName', status.runtime?.nodeName),
    ...nonEmpty('podName', status.runtime?.podName),
    ...nonEmpty('nodeIp', status.runtime?.nodeIp),
    ...nonEmpty('ownerToken', status.auth?.ownerToken),
    ...imageMetrics(stored, status),
    conditions: conditionsPatch(stored, status.conditions, firstActivityAt),
  };
}

/** Whether merging `patch` into `stored` would change anything. */
export function changes(stored: JsonValue | undefined, patch: JsonObject): boolean {
  if (!isObject(stored)) return true;
  return Object.entries(patch).some(([key, value]) => {
    const present = stored[key];
    if (value === null) return present !== undefined;
    return isObject(value) ? changes(present, value) : !isSame(present, value);
  });
}

/** Databases with a type for JSON sort the members of objects. */
function isSame(one: JsonValue | undefined, other: JsonValue | undefined): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]));
  }
  if (!isObject(one) || !isObject(other)) return one === other;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => isSame(one[name], other[name]));
}

/** EMPTY is neither: the key goes away. */
export function trinary(value: WorkspaceConditionBool | undefined): boolean | null {
  if (value === WorkspaceConditionBool.TRUE) return true;
  return value === WorkspaceConditionBool.FALSE ? false : null;
}

function conditionsPatch(
  stored: JsonObject,
  conditions: WorkspaceConditions | undefined,
  firstActivityAt: number | undefined,
): JsonObject {
  const known = isObject(stored['conditions']) && stored['conditions']['firstUserActivity'] !== undefined;
  return {
    failed: cut(conditions?.failed),
    timeout: cut(conditions?.timeout),
    headlessTaskFailed: cut(conditions?.headlessTaskFailed),
    pullingImages: trinary(conditions?.pullingImages),
    deployed: trinary(conditions?.deployed),
    stoppedByRequest: trinary(conditions?.stoppedByRequest),
    ...(known || firstActivityAt === undefined ? {} : { firstUserActivity: isoTime(firstActivityAt) }),
  };
}

function portJson(port: PortSpec): JsonObject {
  return {
    port: port.port,
    ...visibility(port.visibility),
    protocol: port.protocol === PortProtocol.PORT_PROTOCOL_HTTPS ? 'https' : 'http',
    url: fitting(port.url),
  };
}

function visibility(value: PortVisibility): JsonObject {
  if (value === PortVisibility.PORT_VISIBILITY_PRIVATE) return { visibility: 'private' };
  return value === PortVisibility.PORT_VISIBILITY_PUBLIC ? { visibility: 'public' } : {};
}

/** The first sizes that are told stay. */
function imageMetrics(stored: JsonObject, status: WorkspaceStatus): JsonObject {
  const image = status.metadata?.metrics?.image;
  if (image === undefined) return {};
  const metrics = isObject(stored['metrics']) ? stored['metrics'] : {};
  const known = isObject(metrics['image']) ? metrics['image'] : {};
  const added: JsonObject = {};
  if (!known['totalSize'] && image.totalSize > 0n) added['totalSize'] = Number(image.totalSize);
  if (!known['workspaceImageSize'] && image.workspaceImageSize > 0n) {
    added['workspaceImageSize'] = Number(image.workspaceImageSize);
  }
  return Object.keys(added).length === 0 ? {} : { metrics: { image: added } };
}

function nonEmpty(key: string, value: string | undefined): JsonObject {
  return fitting(value) === '' ? {} : { [key]: fitting(value) };
}

/** A part of a name, an address or a token is none. */
function fitting(text = ''): string {
  return text.length <= STATUS_TEXT_LENGTH_MAX ? text : '';
}

/** Never between the halves of a character. */
function cut(text = ''): string {
  if (text.length <= STATUS_MESSAGE_LENGTH_MAX) return text;
  return `${text.slice(0, STATUS_MESSAGE_LENGTH_MAX).replace(/[\ud800-\udbff]$/, '')} ...`;
}
