/** How to reach a server that speaks the S3 protocol, and what to keep where on it. */
export interface S3Options {
  readonly flavour: 's3' | 'minio';
  /** `http://` or `https://` with host and port; the endpoint of AWS for the region without it. */
  readonly endpoint?: string;
  readonly region: string;
  /** Without it (MinIO only) every owner has a bucket, made when needed. */
  readonly bucket?: string;
  /** Bucket in the path of URLs, not in their host name. */
  readonly pathStyle: boolean;
  readonly credentials: S3CredentialSource;
  /** PEM certificates to trust besides the usual ones. */
  readonly caFile?: string;
  /** Parts of one upload on their way at one time. */
  readonly parallelUpload: number;
}

export type S3CredentialSource =
  | { readonly kind: 'keys'; readonly accessKey: string; readonly secretKey: string }
  /** Read again for every request, so that new keys count at once. */
  | { readonly kind: 'key-files'; readonly accessKeyFile: string; readonly secretKeyFile: string }
  /** As the AWS tools write it; its profile `default`. */
  | { readonly kind: 'credentials-file'; readonly file: string }
  /** Environment, shared files, web identity, instance metadata: what AWS tools look at. */
  | { readonly kind: 'default-chain' };
