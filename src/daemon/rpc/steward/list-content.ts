import type { ListContentRequest, ListContentResponse } from '../../../gen/steward/v1/content_service.js';
import { pageSize } from '../../../grpc/validation.js';
import { PAGE_SHOWN_MAX } from '../../bounds.js';
import type { Absence } from '../../instances.js';
import { presentStatus } from './get-content.js';
import type { StewardContentOptions } from './options.js';

/** The instances of this node, sorted by id. A token is the last id shown. */
export function listContent(
  options: StewardContentOptions,
  request: ListContentRequest,
): ListContentResponse {
  const wanted = [...options.core.instances.identities()]
    .filter(({ owner }) => request.owner === '' || owner === request.owner)
    .filter(({ workspace }) => request.workspaceId === '' || workspace === request.workspaceId)
    .map(({ instance }) => instance)
    .filter((instance) => instance > request.pageToken)
    .sort();
  const size = pageSize(request.pageSize, 'page_size', PAGE_SHOWN_MAX);
  const page = wanted.slice(0, size);
  const last = page.at(-1);
  let known: ReadonlyMap<string, Absence> | undefined;
  const absences = () => {
    known ??= options.core.instances.absences();
    return known;
  };
  return {
    contents: page
      .map((instance) => presentStatus(options, instance, absences))
      .filter((status) => status !== undefined),
    nextPageToken: wanted.length > size && last !== undefined ? last : '',
  };
}
