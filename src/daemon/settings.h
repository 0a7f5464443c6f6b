/*
 * settings.h - from the configuration to the small settings struct of each area.
 *
 * A setup holds them all. It is made as a whole before anything of it is used, so that a
 * configuration with an impossible value changes nothing. Strings are borrowed from the
 * configuration.
 */
#ifndef TDC_DAEMON_SETTINGS_H
#define TDC_DAEMON_SETTINGS_H

#include "tdc/base/log.h"
#include "tdc/config/config.h"
#include "tdc/deliver/deliver.h"
#include "tdc/dns/dns.h"
#include "tdc/journal/journal.h"
#include "tdc/server/server.h"
#include "tdc/store/spool.h"
#include "tdc/tls/tls.h"

enum { HOSTNAME_MAX = 256 };

struct setup {
	char hostname[HOSTNAME_MAX];
	struct log_settings log;
	struct spool_settings spool;
	struct server_settings server; /* its arrays and TLS contexts are owned */
	struct deliver_settings deliver;
	struct journal_settings journal;
	struct deliver_tls *tls; /* until deliver takes it */
	struct dns_settings dns;
	const char *admin_socket;
	unsigned admin_mode;
};

/* Where problems go, each once. */
struct setup_problems {
	config_report_fn *report;
	void *arg;
	struct err *first; /* filled by the first one */
	unsigned count;
};
void setup_tell(struct setup_problems *p, const struct err *e);

/* All parts are made, so that all problems are told: each a line to `report`, with its
 * place where it has one; *e is the first. */
int setup_new(const struct config *c, config_report_fn *report, void *arg,
	      struct setup **ret, struct err *e);
void setup_free(struct setup *s); /* NULL is fine */

/* ---- the parts, one function per area */
void setup_log(const struct config *c, struct log_settings *ret);
void setup_spool(const struct config *c, struct spool_settings *ret);
void setup_deliver(const struct config *c, const char *hostname,
		   struct deliver_settings *ret);
void setup_journal(const struct config *c, const char *hostname,
		   struct journal_settings *ret);
void setup_tls(const struct config *c, struct tls_client_settings *ret);
void setup_dns(const struct config *c, struct dns_settings *ret);
unsigned setup_mode(const char *octal); /* the schema has checked its form */

/* "FILE:LINE:COLUMN: LABEL: " in front of the text: the place of a key below `n`, and its
 * whole path. Return -1. The label of an entry's key is "LIST[i].KEY". */
enum { SETUP_LABEL_MAX = 128 };
int setup_blame(const struct config_node *n, const char *key, const char *label,
		struct err *e);
int setup_blame_entry(const struct config_node *n, const char *key, const char *list,
		      size_t i, struct err *e);

/* listeners.c */
/* To be undone also when there were problems. */
void setup_server(const struct config *c, const char *hostname,
		  struct server_settings *ret, struct setup_problems *p);
void setup_server_done(struct server_settings *s);
/* Sockets stay: listeners get the address, mode and protocol that those of the same name
 * were bound with, when `started` was the configuration. */
void setup_server_keep_sockets(struct server_settings *s, const struct config *started);

#endif
