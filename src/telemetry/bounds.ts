/** Children of one supervisor that one answer about the tree shows at most. */
export const TREE_CHILDREN_MAX = 1_000;
