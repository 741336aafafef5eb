import { BinaryWriter } from '@bufbuild/protobuf/wire';

const ERROR_INFO_TYPE = 'type.googleapis.com/google.rpc.ErrorInfo';
const ERROR_DOMAIN = 'steward.dev';

/** Field number and wire type 2 (length-delimited), as the protobuf encoding packs them. */
const lengthDelimited = (field: number) => (field << 3) | 2;

/**
 * A google.rpc.Status (code = 1, message = 2, details = 3) with one google.rpc.ErrorInfo (reason = 1, domain = 2,
 * metadata = 3), for clients that know the standard error model.
 */
export function encodeStatusDetails(
  code: number,
  message: string,
  info: { readonly code: string; readonly retryable: boolean; readonly remedy: string },
): Buffer {
  const errorInfo = new BinaryWriter();
  errorInfo.uint32(lengthDelimited(1)).string(info.code.toUpperCase().replaceAll('-', '_'));
  errorInfo.uint32(lengthDelimited(2)).string(ERROR_DOMAIN);
  mapEntry(errorInfo, 'code', info.code);
  mapEntry(errorInfo, 'retryable', String(info.retryable));
  mapEntry(errorInfo, 'remedy', info.remedy);

  const status = new BinaryWriter();
  status.uint32(1 << 3).int32(code);
  status.uint32(lengthDelimited(2)).string(message);
  const any = status.uint32(lengthDelimited(3)).fork();
  any.uint32(lengthDelimited(1)).string(ERROR_INFO_TYPE);
  any.uint32(lengthDelimited(2)).bytes(errorInfo.finish());
  any.join();
  return Buffer.from(status.finish());
}

function mapEntry(writer: BinaryWriter, key: string, value: string): void {
  const entry = writer.uint32(lengthDelimited(3)).fork();
  entry.uint32(lengthDelimited(1)).string(key);
  entry.uint32(lengthDelimited(2)).string(value);
  entry.join();
}
