import { createHash, createHmac } from 'node:crypto';
import { SIGNED_LINK_LONGEST_MS } from './bounds.js';

export interface LinkRequest {
  readonly method: 'GET' | 'PUT';
  readonly endpoint: string;
  readonly bucket: string;
  readonly key: string;
  readonly region: string;
  readonly pathStyle: boolean;
  readonly keys: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string | undefined;
  };
  readonly nowMs: number;
  readonly lifeMs: number;
}

/** A URL that may be used without keys for a while: AWS signature version 4 in the query. */
export function signedUrl(request: LinkRequest): string {
  const { bucket, key, region, pathStyle, keys } = request;
  const base = new URL(request.endpoint);
  const host = pathStyle ? base.host : `${bucket}.${base.host}`;
  const path = `/${[...(pathStyle ? [bucket] : []), ...key.split('/')].map(encode).join('/')}`;
  const time = new Date(request.nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const life = Math.min(request.lifeMs, SIGNED_LINK_LONGEST_MS);
  const query = [
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', `${keys.accessKeyId}/${scope}`],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', String(Math.floor(life / 1000))],
    ...(keys.sessionToken === undefined ? [] : [['X-Amz-Security-Token', keys.sessionToken]]),
    ['X-Amz-SignedHeaders', 'host'],
  ]
    .map(([name = '', value = '']) => `${encode(name)}=${encode(value)}`)
    .join('&');
  const canonical = [request.method, path, query, `host:${host}`, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', time, scope, digest].join('\n');
  const signature = hmac(signingKey(keys.secretAccessKey, scope), text).toString('hex');
  return `${base.protocol}//${host}${path}?${query}&X-Amz-Signature=${signature}`;
}

function signingKey(secret: string, scope: string): Buffer {
  return scope.split('/').reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secret}`));
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** As the signature wants it: everything but the unreserved characters, in capitals. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
