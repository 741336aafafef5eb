/** The n-th instance of the bench; as long as the ids of the known system. */
export function idOf(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
}

export function workspaceOf(index: number): string {
  return `ws-${String(index).padStart(12, '0')}`;
}

export function ownerOf(index: number): string {
  return `owner-${index % 100}`;
}
