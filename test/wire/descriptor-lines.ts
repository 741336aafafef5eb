import { fromBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  type ServiceDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { descriptorSetBase64 } from '../../src/gen/descriptors.js';

export const files = fromBinary(FileDescriptorSetSchema, Buffer.from(descriptorSetBase64, 'base64')).file;

/** Everything of a package that a peer could notice, one line each, in the words of the tables beside this file. */
export function linesOf(packageName: string): string[] {
  const lines = files
    .filter((file) => file.package === packageName)
    .flatMap((file) => fileLines(file, packageName));
  return lines.sort();
}

function fileLines(file: FileDescriptorProto, packageName: string): string[] {
  return [
    ...file.service.flatMap((service) => serviceLines(service, packageName)),
    ...file.messageType.flatMap((message) => messageLines(message, '', packageName)),
    ...file.enumType.flatMap((type) => enumLines(type, '')),
  ];
}

function serviceLines(service: ServiceDescriptorProto, packageName: string): string[] {
  return service.method.map((method) => {
    const request = `${method.clientStreaming ? 'stream ' : ''}${relative(method.inputType, packageName)}`;
    const response = `${method.serverStreaming ? 'stream ' : ''}${relative(method.outputType, packageName)}`;
    return `rpc /${packageName}.${service.name}/${method.name} ${request} -> ${response}`;
  });
}

function messageLines(message: DescriptorProto, prefix: string, packageName: string): string[] {
  const name = `${prefix}${message.name}`;
  const maps = message.nestedType.filter((nested) => nested.options?.mapEntry === true);
  const reserved = message.reservedRange.flatMap(({ start, end }) => numbers(start, end - 1));
  return [
    `message ${name}`,
    ...message.field.map((field) => `field ${name}.${fieldText(field, message, maps, packageName)}`),
    ...reserved.map((number) => `reserved ${name} ${number}`),
    ...message.nestedType
      .filter((nested) => !maps.includes(nested))
      .flatMap((nested) => messageLines(nested, `${name}.`, packageName)),
    ...message.enumType.flatMap((type) => enumLines(type, `${name}.`)),
  ];
}

function fieldText(
  field: FieldDescriptorProto,
  message: DescriptorProto,
  maps: readonly DescriptorProto[],
  packageName: string,
): string {
  const start = `${field.name} = ${field.number} `;
  const map = maps.find((entry) => field.typeName.endsWith(`.${message.name}.${entry.name}`));
  if (map !== undefined) {
    const [key, value] = map.field.map((part) => typeText(part, packageName));
    return `${start}map<${key},${value}>`;
  }
  const type = typeText(field, packageName);
  if (field.label === FieldDescriptorProto_Label.REPEATED) return `${start}repeated ${type}`;
  if (field.proto3Optional) return `${start}optional ${type}`;
  const inOneof = Object.hasOwn(field, 'oneofIndex');
  return inOneof ? `${start}${type} oneof ${message.oneofDecl[field.oneofIndex]?.name}` : `${start}${type}`;
}

function typeText(field: FieldDescriptorProto, packageName: string): string {
  if (field.typeName !== '') return relative(field.typeName, packageName);
  return FieldDescriptorProto_Type[field.type].toLowerCase();
}

function enumLines(type: EnumDescriptorProto, prefix: string): string[] {
  const name = `${prefix}${type.name}`;
  return [
    ...type.value.map((value) => `enum ${name}.${value.name} = ${value.number}`),
    ...type.reservedRange
      .flatMap(({ start, end }) => numbers(start, end))
      .map((number) => `reserved ${name} ${number}`),
  ];
}

function relative(typeName: string, packageName: string): string {
  const own = `.${packageName}.`;
  return typeName.startsWith(own) ? typeName.slice(own.length) : typeName.slice(1);
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
