/*
 * log_syslog.c - syslog(3), facility mail. Apart from the other files because <syslog.h>
 * defines macros with names that our subsystems have.
 */
#include <syslog.h>

/* As declared in log_internal.h. */
void log_syslog_open(void);
void log_syslog_close(void);
void log_syslog_send(int level, const char *text);

void
log_syslog_open(void)
{
	openlog("tdcd", LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
log_syslog_close(void)
{
	closelog();
}

void
log_syslog_send(int level, const char *text)
{
	static const int priorities[] = { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR };

	syslog(priorities[level & 3], "%s", text);
}
