/*
 * body.h - a stored body in memory: what is known of it, where it is, and for some the
 * bytes ("hot").
 *
 * The bytes of hot bodies are kept within one budget, oldest dropped first; a body that
 * is being read is pinned. Loop thread only, but for bodies that a thread just made.
 */
#ifndef TDC_STORE_BODY_H
#define TDC_STORE_BODY_H

#include "tdc/base/list.h"
#include "tdc/base/uid.h"
#include "tdc/store/message.h"

struct hot {                /* the budget */
	struct list bodies; /* of spool_body.hot_node, oldest first */
	uint64_t bytes, max;
};

struct body_place_data { /* where the bytes are; the place says which fields count */
	enum body_place place;
	uint64_t segment, offset;
	struct uid file;
};

struct spool_body {
	unsigned refs;
	int64_t id;
	struct body_facts facts;
	struct body_place_data at;
	char *data; /* facts.size bytes, or NULL */
	unsigned pins;
	struct hot *hot; /* whose list it is in, or NULL */
	struct list_node hot_node;
};

struct spool_body *body_new(void); /* refs 1; NULL: no memory */
void body_drop_data(struct spool_body *b);

void hot_init(struct hot *h, uint64_t max);
void hot_add(struct hot *h,
	     struct spool_body *b); /* b->data is set; may drop older ones */
void hot_set_max(struct hot *h, uint64_t max);
void hot_done(struct hot *h); /* bodies stay, cold */

enum { BODY_PATH_MAX = 64 };
/*
 * Relative to the spool's directory: "bodies/1f/<32 hex>.body",
 * "segments/000012.segment".
 */
void body_file_directory(const struct uid *file, char path[BODY_PATH_MAX]);
void body_file_path(const struct uid *file, char path[BODY_PATH_MAX]);
void segment_path(uint64_t id, char path[BODY_PATH_MAX]);

#endif
