import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { descriptorSetBase64 } from '../gen/descriptors.js';

const HEALTH_SERVICE = 'grpc.health.v1.Health';

/** Server reflection (v1 and v1alpha) for `services` and health, so that tools need no .proto files. */
export function addReflection(server: Server, services: readonly string[]): void {
  const files = fileDescriptors(Buffer.from(descriptorSetBase64, 'base64'));
  // One entry is enough: the service takes the files of every entry, whatever the entry is.
  const entry = {
    format: 'Protocol Buffer 3 EnumDescriptorProto' as const,
    type: {},
    fileDescriptorProtos: files,
  };
  const reflection = new ReflectionService({ steward: entry }, { services: [...services, HEALTH_SERVICE] });
  reflection.addToServer(server);
}

/** The files of a google.protobuf.FileDescriptorSet, whose only field is `repeated FileDescriptorProto file = 1`. */
function fileDescriptors(set: Uint8Array): Buffer[] {
  const reader = new BinaryReader(set);
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) files.push(Buffer.from(reader.bytes()));
    else reader.skip(wireType, field);
  }
  return files;
}
