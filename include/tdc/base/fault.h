/*
 * fault.h - crash points and deliberate lies, compiled into test builds only.
 *
 * Built with TDC_FAULTS, the environment variable TDC_FAULT names what shall go wrong:
 * a comma-separated list of `name` or `name:n` (the n-th passage, 1 is the first).
 *
 *	fault_crash("store.before-commit");   kills this process with SIGKILL
 *	if (fault_is("server.early-250")) ... a lie for a negative control
 *
 * Without TDC_FAULTS both are constants and leave no code. Every name is listed in
 * docs/spool.md or docs/testing.md; any thread.
 */
#ifndef TDC_BASE_FAULT_H
#define TDC_BASE_FAULT_H

#include <stdbool.h>

#ifdef TDC_FAULTS
void fault_crash(const char *name);
bool fault_is(const char *name);
#else
static inline void
fault_crash(const char *name)
{
	(void)name;
}
static inline bool
fault_is(const char *name)
{
	(void)name;
	return false;
}
#endif

#endif
