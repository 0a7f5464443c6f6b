/*
 * call.h - one request to the daemon's control socket, and its answer.
 */
#ifndef TDC_CTL_CALL_H
#define TDC_CTL_CALL_H

#include <jansson.h>

enum exit_code {
	DONE = 0,
	REFUSED = 1,
	USAGE = 2,
	UNREACHABLE = 3,
	/* of health, as monitoring plugins have them */
	HEALTH_WARNING = 1,
	HEALTH_ERROR = 2,
};

struct client; /* keeps its connection from call to call */

/* NULL: no memory. */
struct client *client_new(const char *socket);
void client_free(struct client *c);

/*
 * DONE and the answer (the caller's reference), or another code after a message on
 * stderr. `path` is already encoded.
 */
enum exit_code client_get(struct client *c, const char *path, json_t **ret);
enum exit_code client_post(struct client *c, const char *path, json_t **ret);
/* The answer is taken whatever its status, which is in *status: /health and /reload. */
enum exit_code client_ask(struct client *c, const char *path, long *status, json_t **ret);
enum exit_code client_order(struct client *c, const char *path, long *status,
			    json_t **ret);

#endif
