/*
 * check.h - assertions that stay in release builds.
 *
 * For errors of the programmer only: never for input, disk, DNS, TLS or a peer.
 */
#ifndef TDC_BASE_CHECK_H
#define TDC_BASE_CHECK_H

_Noreturn void check_failed(const char *expression, const char *file, int line);

#define check(expression)                                                                \
	((expression) ? (void)0 : check_failed(#expression, __FILE__, __LINE__))

#endif
