import { z } from 'zod';

/** Where a program serves `/metrics`, `/healthz` and `/readyz` over plain HTTP; nowhere unless configured. */
export const healthConfigSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 lets the system choose. */
  port: z.int().min(0).max(65_535),
  /** Allows addresses that other machines reach. */
  insecure: z.boolean().default(false),
});

/** How a program serves gRPC over TLS: paths of PEM files. With `ca`, clients must show a certificate it signed. */
export const tlsConfigSchema = z.union([
  z.strictObject({ certificate: z.string().min(1), key: z.string().min(1), ca: z.string().min(1) }),
  z.strictObject({ certificate: z.string().min(1), key: z.string().min(1) }),
]);
