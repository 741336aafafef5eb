import { z } from 'zod';
import { GCS_STAGES } from '../storage/gcs/options.js';
import { PARALLEL_UPLOAD, PARALLEL_UPLOAD_MAX } from '../storage/s3/bounds.js';

const bucketName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be letters, digits, ".", "_" and "-"');

const address = z
  .string()
  .regex(
    /^(?:https?:\/\/)?(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?\/?$/,
    'must be host:port, with or without http:// or https:// before it, and without a path or credentials',
  );

/** Objects as files of a local disk. */
const directory = z.strictObject({
  kind: z.literal('directory').default('directory'),
  /** Folder of the objects; best on another disk than the workspaces. */
  folder: z.string().min(1),
  bucket: bucketName.default('steward'),
});

const server = {
  region: z.string().min(1).max(64).default('us-east-1'),
  /** The key pair itself, or files with it, which are read again when they change. */
  accessKey: z.string().min(1).optional(),
  secretKey: z.string().min(1).optional(),
  accessKeyFile: z.string().min(1).optional(),
  secretKeyFile: z.string().min(1).optional(),
  /** PEM certificates to trust besides the usual ones. */
  caFile: z.string().min(1).optional(),
  /** Whether an endpoint without a scheme speaks TLS. */
  secure: z.boolean().default(true),
  /** Parts of one upload on their way at one time. */
  parallelUpload: z.int().min(1).max(PARALLEL_UPLOAD_MAX).default(PARALLEL_UPLOAD),
};

/** AWS, or any other server of that protocol. */
const s3 = z
  .strictObject({
    kind: z.literal('s3'),
    bucket: bucketName,
    endpoint: address.optional(),
    /** Bucket in the path of URLs; as a rule for every endpoint but that of AWS. */
    pathStyle: z.boolean().optional(),
    /** As the AWS tools write it. Without any credentials here, the places those tools look at. */
    credentialsFile: z.string().min(1).optional(),
    ...server,
  })
  .superRefine(checkKeys);

/** Without `bucket`, every owner has a bucket of the name `gitpod-user-<owner>`. */
const minio = z
  .strictObject({ kind: z.literal('minio'), bucket: bucketName.optional(), endpoint: address, ...server })
  .superRefine((said, context) => {
    checkKeys(said, context);
    if (said.accessKey === undefined && said.accessKeyFile === undefined) {
      context.addIssue({ code: 'custom', path: ['accessKey'], message: 'this or accessKeyFile is required' });
    }
  });

/** Google Cloud Storage: every owner has a bucket of the name `gitpod-<stage>-user-<owner>`. */
const gcs = z.strictObject({
  kind: z.literal('gcs'),
  stage: z.enum(GCS_STAGES),
  project: z.string().min(1),
  /** Where buckets are made. */
  region: z.string().min(1),
  /** Of a service account; without it, what Google's tools look at. */
  credentialsFile: z.string().min(1).optional(),
  /** Another address of the JSON API. */
  endpoint: address.optional(),
});

export const storageSchema = z.discriminatedUnion('kind', [directory, s3, minio, gcs]);
export type StorageConfig = z.infer<typeof storageSchema>;

interface Keys {
  readonly accessKey?: string | undefined;
  readonly secretKey?: string | undefined;
  readonly accessKeyFile?: string | undefined;
  readonly secretKeyFile?: string | undefined;
  readonly credentialsFile?: string | undefined;
}

/** One source of keys, and a whole one. */
function checkKeys(said: Keys, context: z.RefinementCtx): void {
  const report = (key: keyof Keys, message: string) =>
    context.addIssue({ code: 'custom', path: [key], message });
  const pairs = [
    ['accessKey', 'secretKey'],
    ['accessKeyFile', 'secretKeyFile'],
  ] as const;
  for (const [access, secret] of pairs) {
    if (said[access] !== undefined && said[secret] === undefined)
      report(secret, `is required with ${access}`);
    if (said[secret] !== undefined && said[access] === undefined)
      report(access, `is required with ${secret}`);
  }
  const sources = (['accessKey', 'accessKeyFile', 'credentialsFile'] as const).filter(
    (key) => said[key] !== undefined,
  );
  const [, second] = sources;
  if (second !== undefined) report(second, `cannot be used together with ${sources[0]}`);
}
