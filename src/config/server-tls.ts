import { z } from 'zod';

/** Paths of PEM files: the authority of a server's certificate, and what this side shows. {} trusts the system's authorities. */
export const serverTlsSchema = z.strictObject({
  ca: z.string().min(1).optional(),
  crt: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
});

export type ServerTls = z.output<typeof serverTlsSchema>;
