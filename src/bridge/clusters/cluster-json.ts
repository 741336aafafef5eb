import { isObject, type JsonObject } from '../pipeline/json.js';
import type { AdmissionConstraint, ClusterTls, WorkspaceClass } from './workspace-cluster.js';

/**
 * The JSON columns of d_b_workspace_cluster. Other programs write them too, so what cannot be read is left out and
 * never a failure: a cluster with one odd column is still to be followed.
 */
export function tlsIn(column: unknown): ClusterTls | undefined {
  const value = parsed(column);
  if (!isObject(value)) return undefined;
  const [ca, crt, key] = [textIn(value, 'ca'), textIn(value, 'crt'), textIn(value, 'key')];
  return ca === '' && crt === '' && key === '' ? undefined : { ca, crt, key };
}

export function constraintsIn(column: unknown): readonly AdmissionConstraint[] {
  return listOf(column).flatMap((entry) => constraintOf(entry) ?? []);
}

export function classesIn(column: unknown): readonly WorkspaceClass[] {
  return listOf(column).flatMap((entry) => {
    const id = textIn(entry, 'id');
    if (id === '') return [];
    const credits = entry['creditsPerMinute'];
    return {
      id,
      displayName: textIn(entry, 'displayName'),
      description: textIn(entry, 'description'),
      creditsPerMinute: typeof credits === 'number' ? credits : 0,
    };
  });
}

/** `{}` stands for none. */
export function tlsColumn(tls: ClusterTls | undefined): string {
  return JSON.stringify(tls ?? {});
}

function constraintOf(entry: JsonObject): AdmissionConstraint | undefined {
  switch (entry['type']) {
    case 'has-feature-preview':
      return { type: 'has-feature-preview' };
    case 'has-permission':
      return { type: 'has-permission', permission: textIn(entry, 'permission') };
    case 'has-class':
      return { type: 'has-class', id: textIn(entry, 'id'), displayName: textIn(entry, 'displayName') };
    default:
      return undefined;
  }
}

function listOf(column: unknown): readonly JsonObject[] {
  const value = parsed(column);
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Some drivers parse JSON columns, some do not. */
function parsed(column: unknown): unknown {
  if (typeof column !== 'string') return column;
  try {
    return JSON.parse(column);
  } catch {
    return undefined;
  }
}

function textIn(value: JsonObject, key: string): string {
  const text = value[key];
  return typeof text === 'string' ? text : '';
}
