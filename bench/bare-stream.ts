import type { ServiceDefinition } from '@grpc/grpc-js';

export const sameBytes = (bytes: Buffer) => bytes;

/** A stream of bytes from a server, with nothing of ours around it. */
export const bareStream = {
  stream: {
    path: '/bench.Bare/Stream',
    requestStream: false,
    responseStream: true,
    requestSerialize: sameBytes,
    requestDeserialize: sameBytes,
    responseSerialize: sameBytes,
    responseDeserialize: sameBytes,
  },
} as const satisfies ServiceDefinition;
