/** A port of a workspace that is reachable from outside. */
export interface Port {
  /** As the workspace's program listens on it, 1 to 65535. */
  readonly port: number;
  /** `private`: only with the owner's token. */
  readonly visibility: 'private' | 'public';
  /** What the workspace's program speaks. */
  readonly protocol: 'http' | 'https';
}
