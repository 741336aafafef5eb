/**
 * Whose files a workspace's content is. Given when we are root and act for somebody else; absent when everything
 * is done as the user who runs the program.
 */
export interface ContentUser {
  readonly uid: number;
  readonly gid: number;
}
