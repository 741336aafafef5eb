import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
  type MethodDescriptorProto,
} from '@bufbuild/protobuf/wkt';

/** Numbers of the lists in a descriptor, by which comments name what they stand at (descriptor.proto). */
const IN_FILE = { message: 4, enum: 5, service: 6 } as const;
const IN_MESSAGE = { field: 2, message: 3, enum: 4 } as const;
const IN_LIST = 2;

type Path = readonly number[];

/** Services, messages and enums of one file as Markdown. */
export function fileSections(file: FileDescriptorProto): readonly string[] {
  const said = commentsOf(file);
  return [
    ...file.service.flatMap((service, index) => {
      const path = [IN_FILE.service, index];
      return [
        `## Service ${service.name}`,
        '',
        ...paragraph(said(path)),
        ...service.method.flatMap((method, at) => methodLines(method, said([...path, IN_LIST, at]))),
      ];
    }),
    ...file.messageType.flatMap((message, index) =>
      messageLines(message, '', [IN_FILE.message, index], said),
    ),
    ...file.enumType.flatMap((type, index) => enumLines(type, '', [IN_FILE.enum, index], said)),
  ];
}

type Said = (path: Path) => string;

/** The comment before each thing, on one line. */
function commentsOf(file: FileDescriptorProto): Said {
  const comments = new Map<string, string>();
  for (const { path, leadingComments } of file.sourceCodeInfo?.location ?? []) {
    if (leadingComments !== '')
      comments.set(path.join('.'), leadingComments.trim().replace(/\s*\n\s*/g, ' '));
  }
  return (path) => comments.get(path.join('.')) ?? '';
}

function methodLines(method: MethodDescriptorProto, comment: string): readonly string[] {
  const { name, inputType, outputType, clientStreaming, serverStreaming } = method;
  const stream = (streams: boolean, type: string) => `${streams ? 'stream ' : ''}${short(type)}`;
  return [
    `### ${name}`,
    '',
    `\`${stream(clientStreaming, inputType)}\` → \`${stream(serverStreaming, outputType)}\``,
    '',
    ...paragraph(comment),
  ];
}

function messageLines(message: DescriptorProto, prefix: string, path: Path, said: Said): readonly string[] {
  if (message.options?.mapEntry === true) return [];
  const name = `${prefix}${message.name}`;
  return [
    `## ${name}`,
    '',
    ...paragraph(said(path)),
    ...table(
      ['field', 'type', 'number', ''],
      message.field.map((field, index) => [
        `\`${field.name}\``,
        `\`${typeOf(field, message)}\`${choiceOf(field, message)}`,
        String(field.number),
        said([...path, IN_MESSAGE.field, index]),
      ]),
    ),
    ...message.nestedType.flatMap((inner, index) =>
      messageLines(inner, `${name}.`, [...path, IN_MESSAGE.message, index], said),
    ),
    ...message.enumType.flatMap((inner, index) =>
      enumLines(inner, `${name}.`, [...path, IN_MESSAGE.enum, index], said),
    ),
  ];
}

function enumLines(type: EnumDescriptorProto, prefix: string, path: Path, said: Said): readonly string[] {
  const rows = type.value.map(({ name, number }, index) => [
    `\`${name}\``,
    String(number),
    said([...path, IN_LIST, index]),
  ]);
  return [`## ${prefix}${type.name}`, '', ...paragraph(said(path)), ...table(['value', 'number', ''], rows)];
}

function typeOf(field: FieldDescriptorProto, message: DescriptorProto): string {
  const entry = message.nestedType.find(
    ({ name, options }) => options?.mapEntry === true && field.typeName.endsWith(`.${name}`),
  );
  const [key, value] = entry?.field ?? [];
  if (entry !== undefined && key !== undefined && value !== undefined) {
    return `map<${typeOf(key, entry)}, ${typeOf(value, entry)}>`;
  }
  const single =
    field.typeName === '' ? FieldDescriptorProto_Type[field.type].toLowerCase() : short(field.typeName);
  if (field.label === FieldDescriptorProto_Label.REPEATED) return `repeated ${single}`;
  return field.proto3Optional ? `optional ${single}` : single;
}

/** Of a oneof, only one is set. */
function choiceOf(field: FieldDescriptorProto, message: DescriptorProto): string {
  if (!Object.hasOwn(field, 'oneofIndex') || field.proto3Optional) return '';
  const name = message.oneofDecl[field.oneofIndex]?.name;
  return name === undefined ? '' : ` (one of \`${name}\`)`;
}

function short(type: string): string {
  return type.replace(/^\./, '');
}

function paragraph(text: string): readonly string[] {
  return text === '' ? [] : [text, ''];
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return ['Empty.', ''];
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(titles), `|${titles.map(() => '---|').join('')}`, ...rows.map(line), ''];
}
