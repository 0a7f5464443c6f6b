/*
 * fault.c - crash points for test builds; an ordinary build has nothing of this.
 */
#include "tdc/base/fault.h"

#ifdef TDC_FAULTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAULTS_MAX = 16 };

/* How often each entry of TDC_FAULT was passed, by its place in the list. */
static _Atomic unsigned passages[FAULTS_MAX];

/* True when `name` stands in TDC_FAULT; *nth is its number (0 = always), *place its index. */
static bool
fault_find(const char *name, unsigned *nth, size_t *place)
{
	const char *p = getenv("TDC_FAULT");
	size_t n = strlen(name);

	for (size_t i = 0; p != NULL && *p != '\0' && i < FAULTS_MAX; i++) {
		size_t length = strcspn(p, ",");
		if (length >= n && memcmp(p, name, n) == 0 &&
		    (length == n || p[n] == ':')) {
			*nth = length > n ? (unsigned)strtoul(p + n + 1, NULL, 10) : 0;
			*place = i;
			return true;
		}
		p += length + (p[length] == ',');
	}
	return false;
}

bool
fault_is(const char *name)
{
	unsigned nth;
	size_t place;

	if (!fault_find(name, &nth, &place))
		return false;
	unsigned passed = atomic_fetch_add(&passages[place], 1) + 1;
	return nth == 0 || passed == nth;
}

void
fault_crash(const char *name)
{
	if (fault_is(name)) {
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	}
}

#else

/* ISO C wants something in a translation unit. */
extern const int fault_is_compiled_out;
const int fault_is_compiled_out = 1;

#endif
