export const GCS_STAGES = ['prod', 'prodcopy', 'dev'] as const;

export interface GcsOptions {
  /** Part of the names of buckets. */
  readonly stage: (typeof GCS_STAGES)[number];
  readonly project: string;
  /** Where buckets are made. */
  readonly region: string;
  /** Of a service account; without it, what Google's tools look at. */
  readonly credentialsFile?: string;
  /** Another address of the JSON API, with its scheme. */
  readonly endpoint?: string;
}
