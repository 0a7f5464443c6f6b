/*
 * path.h - whether a file or directory could be used or made, looked at without
 * touching it.
 *
 * Asked for the effective user, as an open() would be. What is found may be different a
 * moment later: this is for telling, and never in place of the error of the open()
 * itself. Any thread.
 */
#ifndef TDC_BASE_PATH_H
#define TDC_BASE_PATH_H

/* 0: `path` is there with the rights of `mode` (R_OK, W_OK, X_OK of access(2)), or it is
 * missing and could be made where it stands. Otherwise the errno value of what is in the
 * way. */
int path_look(const char *path, int mode);
/* The same of a name that is missing: whether its directory takes new ones. */
int path_look_above(const char *path);

#endif
