/*
 * path.c - access(2) for the effective user, also of what is still to be made.
 */
#include "tdc/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static int
look(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0 ? 0 : errno;
}

/* "/a/b" is in "/a", "/a" in "/", "a" in ".". Slashes at the end do not count. */
int
path_look_above(const char *path)
{
	char above[PATH_MAX];
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	if (n >= sizeof(above))
		return ENAMETOOLONG;
	memcpy(above, path, n);
	above[n] = '\0';
	return look(n == 0 ? "." : above, W_OK | X_OK);
}

int
path_look(const char *path, int mode)
{
	int os = look(path, mode);

	return os == ENOENT ? path_look_above(path) : os;
}
