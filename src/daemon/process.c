/*
 * process.c - what the process owes its surroundings, before it does anything.
 */
#include "daemon.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

/*
 * Few arenas, since the store's threads hardly allocate. Blocks up to the size of a
 * body's chunks stay on the heap, whose end is trimmed beyond 4 MiB: mapped ones cost two
 * thirds of the CPU of a message of 1 MB, since each unmapping interrupts every other
 * processor that runs a thread of ours, and each new page is a fault.
 */
static void
tune_memory(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 8 << 20);
	mallopt(M_TRIM_THRESHOLD, 4 << 20);
	mallopt(M_TOP_PAD, 256 << 10);
}

static int
raise_descriptors(struct err *e)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return err_set(e, ERR_LIMIT, errno, "reading the limit of open files");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return err_set(e, ERR_LIMIT, errno, "raising the limit of open files");
	return 0;
}

int
process_prepare(struct err *e)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	umask(077);
	tune_memory();
	if (sigaction(SIGPIPE, &ignore, NULL) != 0)
		return err_set(e, ERR_IO, errno, "ignoring SIGPIPE");
	return raise_descriptors(e);
}
