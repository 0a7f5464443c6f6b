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

struct destination_status;
struct path;
struct action;
struct call;

/* What is done about the journals of the message c->mid: one or more, those that are not
 * taken are freed. */
typedef void message_fn(struct call *c, struct list *journals);

enum { SOCKET_PATH_MAX = 108 };

struct admin {
	struct loop *loop;
	struct spool *spool;
	struct server *server;
	struct deliver *deliver;
	const struct admin_daemon_ops *ops;
	void *ops_arg;
	char *version;
	struct spool_account at_start; /* for what was dropped since */
	struct http_server *http;
	struct list calls;
};

struct call {
	struct list_node node;
	struct admin *admin;          /* NULL: the admin ended; only call_end() is left */
	struct http_request *request; /* answered exactly once                         */
	const struct path *path;
	uint64_t mid;            /* of the path, 0 = none                          */
	message_fn *of_message;  /* of message_find()                              */
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
/* True: the admin ended or `e` says why, that was the answer, and the call is gone. */
bool call_is_over(struct call *c, const struct err *e);
/* Frees a call whose admin ended. */
void call_end(struct call *c);

/* ---- message.c: a MID that no journal has */
/* Runs fn, once, if it is a message's; otherwise answers that nothing is known of it. */
void message_find(struct call *c, message_fn *fn);
/* How many of them the action is for. */
size_t message_count(const struct call *c, const struct list *journals);
/* The answer when an action is for none of its journals, or cannot be for all of them. */
void message_refuse(struct call *c, const struct list *journals);
/* The first of a list, the caller's now; NULL = none. */
struct spool_journal *journal_take(struct list *journals);

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
#define IN(state) (1u << JOURNAL_##state) /* a set of states is the OR of these */
/* clang-format off */
/* To add one, add a row: it is then POST /queue/MID/name and POST /queue/name. */
#define ACTIONS(X) \
	/* name, done, change, states, withdraws */ \
	X(HOLD, "hold", "held", CHANGE_HOLD, IN(WAITING) | IN(UNCERTAIN), true) \
	X(RELEASE, "release", "released", CHANGE_RELEASE, IN(HELD), false) \
	X(DELETE, "delete", "deleted", CHANGE_DELETE, \
	  IN(WAITING) | IN(UNCERTAIN) | IN(HELD) | IN(DEAD) | IN(QUARANTINED), true) \
	X(RETRY, "retry", "put back into the queue", CHANGE_RETRY_DEAD, IN(DEAD), false) \
	X(DELIVERNOW, "delivernow", "made due", CHANGE_DUE_NOW, IN(WAITING) | IN(UNCERTAIN), false)
/* clang-format on */
enum action_id {
#define X(id, ...) ACTION_##id,
	ACTIONS(X)
#undef X
		ACTION_COUNT
};
extern const struct action actions[ACTION_COUNT];
extern const struct action action_retry_quarantined; /* POST /quarantine/MID/retry */
/* The row is not there, or in a state that the action is not for. */
bool action_does_not_apply(const struct err *e);
/* "waiting or uncertain", of bits 1 << journal_state */
void action_states(unsigned states, char *text, size_t n);
/* Whether the action is for a journal in this state. */
bool action_means(const struct call *c, enum journal_state state);
/* c->states from ?state=, which must name a state that the action is for. -1: answered. */
int action_narrow(struct call *c);
/* The change of c->mid itself, and its answer. */
void action_change(struct call *c);
/* The answer when the row is in a state that is not meant. */
void action_refuse(struct call *c, enum journal_state state);
/* The answer when this DCID has the journal. */
void action_refuse_in_flight(struct call *c, uint64_t mid, uint64_t dcid);
/* Of the journals of a message: a message_fn. */
void sweep_message(struct call *c, struct list *journals);
/* Ends the look at a body; nothing when there is none. */
void recheck_free(struct call *c);

/* ---- JSON */
/* Text of a peer: what is not UTF-8 is escaped. NULL becomes null. */
json_t *json_peer_text(const char *text);
json_t *json_lines(const char *text); /* a list; each line with its line feed */
json_t *json_time(int64_t wall_ms);   /* ISO; 0 becomes null */
json_t *json_count(uint64_t n);
void json_put(json_t *object, const char *key,
	      json_t *value); /* takes; NULL value = no memory, left out */
json_t *json_of_account(const struct spool_account *a);
json_t *json_of_row(const struct spool_journal *j);     /* one line of a list */
json_t *json_of_journal(const struct spool_journal *j); /* all of its own */
/* Adds the message of a journal, and its body: what all journals of it share. */
void json_put_message(json_t *o, const struct spool_journal *j);
/* Since when it is down, what happened last and when, and when it is tried again. */
void json_put_outage(json_t *o, const struct destination_status *s);

/* ---- health.c */
json_t *json_of_health(const struct admin *a);

#endif
