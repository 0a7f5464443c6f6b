/*
 * look.c - whether a spool could be opened where it is to be, for the effective user.
 *
 * Nothing is opened: in a process that has the spool open, closing another descriptor of
 * the database would end SQLite's locks (lock.c).
 */
#include "tdc/store/spool.h"

#include "tdc/base/path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is ours in the directory. Files have the spool's name, and then this. */
static const struct part {
	const char *text;
	bool is_directory;
} parts[] = {
	{ "segments", true },    { "bodies", true },          { ".lock", false },
	{ ".tdc.queue", false }, { ".tdc.queue-wal", false }, { ".tdc.queue-shm", false },
};

static const struct part directory = { "", true };

/* 0, or the errno value of what is in the way. */
static int
look(const char *path, const struct part *part)
{
	struct stat st;
	int os = stat(path, &st) == 0 ? 0 : errno;

	if (os == 0 && S_ISDIR(st.st_mode) != part->is_directory)
		return part->is_directory ? ENOTDIR : EISDIR;
	/* A link to nothing: mkdir(2) does not make what it leads to. */
	if (os != 0 && part->is_directory && lstat(path, &st) == 0)
		return os;
	return path_look(path, part->is_directory ? R_OK | W_OK | X_OK : R_OK | W_OK);
}

static int
look_at_part(const struct spool_settings *s, const struct part *part, struct err *e)
{
	const char *name = part->is_directory ? "" : s->name == NULL ? "spool" : s->name;
	char path[PATH_MAX];

	int n = snprintf(path, sizeof(path), "%s/%s%s", s->directory, name, part->text);
	int os = n < 0 || n >= (int)sizeof(path) ? ENAMETOOLONG : look(path, part);
	if (os == 0)
		return 0;
	return err_set(e, err_kind_of_errno(os), os, "%s%s",
		       part->is_directory ? "directory " : "", path);
}

int
spool_look(const struct spool_settings *s, struct err *e)
{
	int os = look(s->directory, &directory);

	if (os != 0)
		return err_set(e, err_kind_of_errno(os), os, "directory %s",
			       s->directory);
	if (access(s->directory, F_OK) != 0)
		return 0; /* to be made, and all in it */
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (look_at_part(s, &parts[i], e) != 0)
			return -1;
	return 0;
}
