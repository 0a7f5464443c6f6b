/*
 * cleanup.h - locals that clean up by scope; passing on is visible.
 *
 *	SCOPED(free_ptr) char *copy = strdup(x);
 *	*ret = TAKE_PTR(copy);
 */
#ifndef TDC_BASE_CLEANUP_H
#define TDC_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define SCOPED(fn) __attribute__((cleanup(fn)))

static inline void
free_ptr(void *p)
{
	free(*(void **)p);
}

static inline void
close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define TAKE_PTR(p)                                                                      \
	__extension__({                                                                  \
		__typeof__(p) taken_ = (p);                                              \
		(p) = NULL;                                                              \
		taken_;                                                                  \
	})

#define TAKE_FD(p)                                                                       \
	__extension__({                                                                  \
		int taken_ = *(p);                                                       \
		*(p) = -1;                                                               \
		taken_;                                                                  \
	})

#endif
