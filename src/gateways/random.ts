/** Randomness. Seeded in tests and in the simulation; the operating system's elsewhere. */
export interface Random {
  /** Uniform in [0, 1). For jitter and sampling, never for secrets. */
  fraction(): number;
  /** A random (version 4) UUID. */
  uuid(): string;
  /** Unpredictable bytes, fit for tokens. */
  bytes(count: number): Uint8Array;
}
