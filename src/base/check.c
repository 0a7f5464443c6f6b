/*
 * check.c - the end of a process that found itself wrong.
 */
#include "tdc/base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void
check_failed(const char *expression, const char *file, int line)
{
	fprintf(stderr, "tdc: programming error: %s is false, %s:%d\n", expression, file,
		line);
	fflush(stderr);
	abort();
}
