/** One line of /proc/self/mountinfo (proc(5)) as far as it matters here. */
export interface MountPoint {
  readonly path: string;
  readonly type: string;
}

/** The mount that holds `path` (absolute, without links), by the longest mount point above it. */
export function mountOf(mountinfo: string, path: string): MountPoint | undefined {
  let found: MountPoint | undefined;
  for (const line of mountinfo.split('\n')) {
    const mount = mountPointIn(line);
    if (mount === undefined || !holds(mount.path, path)) continue;
    // Of two mounts at one place the later one is seen.
    if (found === undefined || mount.path.length >= found.path.length) found = mount;
  }
  return found;
}

function mountPointIn(line: string): MountPoint | undefined {
  const [left = '', right] = line.split(' - ');
  const path = left.split(' ')[4];
  const type = right?.split(' ')[0];
  if (path === undefined || type === undefined) return undefined;
  return {
    path: path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    type,
  };
}

function holds(mountPoint: string, path: string): boolean {
  return mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
}
