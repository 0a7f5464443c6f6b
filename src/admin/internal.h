/*
 * internal.h - the admin's own parts: a call under way, the table of paths, and its JSON.
 *
 * A call holds one request from its arrival to its answer. It is in the admin's list, so
 * that the admin may end while the spool still works for it: `admin` is NULL then.
 */
#ifndef TDC_ADMIN_INTERNAL_H
#define TDC_ADMIN_INTERNAL_H

#include "tdc/admin/admin.h"
#include "tdc/base/list.h"
#include "tdc/base/span.h"
#include "tdc/http/server.h"
#include "tdc/store/spool.h"

#include <jansson.h>

struct path;
struct action;

enum { SOCKET_PATH_MAX = 108 };

struct admin {
	struct loop *loop;
	struct spool *spool;
	struct server *server;
	struct deliver *deliver;
	const struct admin_daemon_ops *ops;
	void *ops_arg;
	char *version;
	struct http_server *http;
	struct list calls;
};

struct call {
	struct list_node node;
	struct admin *admin;          /* NULL: the admin ended; only call_end() is left */
	struct http_request *request; /* answered exactly once                         */
	const struct path *path;
	uint64_t mid;            /* of the path, 0 = none                          */
	struct sweep *sweep;     /* of an action on all; owned                    */
	struct proof *proof;     /* of a count of the account; owned              */
	unsigned states;         /* of an action: what it is for, narrowed by ?state= */
	struct recheck *recheck; /* of what is to leave the quarantine; owned    */
};

/* ---- calls */
/* Answers and frees. Takes the JSON. */
void call_answer(struct call *c, int status, json_t *body);
/* problem+json; `extra` (may be NULL, taken) adds members. */
void call_problem(struct call *c, int status, json_t *extra, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void call_problem_err(struct call *c, const struct err *e);
/* Frees a call whose admin ended. */
void call_end(struct call *c);

/* ---- paths: "*" stands for a MID */
struct path {
	enum http_method method;
	const char *pattern;
	void (*run)(struct call *c);
	const struct action *action; /* of run_action and run_action_on_all */
};
extern const struct path admin_paths[];
extern const size_t admin_paths_count;

enum path_match { PATH_FOUND, PATH_UNKNOWN, PATH_OTHER_METHOD };
enum path_match path_find(enum http_method method, const char *path,
			  const struct path **ret, uint64_t *mid);
enum { METHODS_MAX = 32 };
/* Those that the path takes, as in the field Allow: "GET, HEAD". */
void path_methods(const char *path, char text[METHODS_MAX]);
/* Decimal, 1 or more, no sign, fits; -1 otherwise. */
int parse_mid(struct span text, uint64_t *ret);

void run_status(struct call *c);
void run_health(struct call *c);
void run_account(struct call *c);
void run_list(struct call *c);
void run_dead(struct call *c);
void run_quarantine(struct call *c);
void run_quarantine_retry(struct call *c);
void run_show(struct call *c);
void run_reload(struct call *c);
void run_action(struct call *c);
void run_action_on_all(struct call *c);

/* ---- what an operator may do to journals */
struct action {
	const char *name, *done; /* "hold", "held"                                */
	enum spool_change change;
	unsigned states; /* 1 << journal_state: what it applies to         */
	bool withdraws;  /* not while the journal is being sent           */
};
extern const struct action action_hold, action_release, action_delete, action_retry,
	action_delivernow, action_retry_quarantined;
/* The row is not there, or in a state that the action is not for. */
bool action_does_not_apply(const struct err *e);
/* "waiting or uncertain", of bits 1 << journal_state */
void action_states(unsigned states, char *text, size_t n);
/* c->states from ?state=, which must name a state that the action is for. -1: answered. */
int action_narrow(struct call *c);
/* The change of c->mid itself, and its answer. */
void action_change(struct call *c);
/* The answer when the row is in a state that is not meant. */
void action_refuse(struct call *c, enum journal_state state);
/* Ends the look at a body; nothing when there is none. */
void recheck_free(struct call *c);

/* ---- JSON */
/* Text of a peer: what is not UTF-8 is escaped. NULL becomes null. */
json_t *json_peer_text(const char *text);
json_t *json_time(int64_t wall_ms); /* ISO; 0 becomes null */
json_t *json_count(uint64_t n);
void json_put(json_t *object, const char *key,
	      json_t *value); /* takes; NULL value = no memory, left out */
json_t *json_of_account(const struct spool_account *a);
json_t *json_of_row(const struct spool_journal *j);     /* one line of a list */
json_t *json_of_journal(const struct spool_journal *j); /* all that is known */

#endif
