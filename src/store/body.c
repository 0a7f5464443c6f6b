/*
 * body.c - bodies in memory and the budget of the hot ones.
 */
#include "store/body.h"

#include "tdc/base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct spool_body *
body_new(void)
{
	struct spool_body *b = calloc(1, sizeof(*b));
	if (b != NULL)
		b->refs = 1;
	return b;
}

void
body_drop_data(struct spool_body *b)
{
	if (b->hot != NULL) {
		list_remove(&b->hot->bodies, &b->hot_node);
		b->hot->bytes -= b->facts.size;
		b->hot = NULL;
	}
	free(b->data);
	b->data = NULL;
}

struct spool_body *
spool_body_ref(struct spool_body *b)
{
	b->refs++;
	return b;
}

void
spool_body_unref(struct spool_body *b)
{
	if (b == NULL || --b->refs > 0)
		return;
	body_drop_data(b);
	free(b);
}

const struct body_facts *
spool_body_facts(const struct spool_body *b)
{
	return &b->facts;
}

enum body_place
spool_body_place(const struct spool_body *b)
{
	return b->at.place;
}

/* -- the budget -- */

void
hot_init(struct hot *h, uint64_t max)
{
	list_init(&h->bodies);
	h->bytes = 0;
	h->max = max;
}

static void
hot_trim(struct hot *h)
{
	struct list_node *n = list_first(&h->bodies);

	while (n != NULL && h->bytes > h->max) {
		struct spool_body *b = list_entry(n, struct spool_body, hot_node);
		n = list_next(&h->bodies, n);
		if (b->pins == 0)
			body_drop_data(b);
	}
}

void
hot_add(struct hot *h, struct spool_body *b)
{
	check(b->hot == NULL && b->data != NULL);
	b->hot = h;
	list_append(&h->bodies, &b->hot_node);
	h->bytes += b->facts.size;
	hot_trim(h);
}

void
hot_set_max(struct hot *h, uint64_t max)
{
	h->max = max;
	hot_trim(h);
}

void
hot_done(struct hot *h)
{
	for (struct list_node *n; (n = list_first(&h->bodies)) != NULL;)
		body_drop_data(list_entry(n, struct spool_body, hot_node));
}

/* -- names of files -- */

void
body_file_directory(const struct uid *file, char path[BODY_PATH_MAX])
{
	/* The last byte is random, the first ones are time. */
	snprintf(path, BODY_PATH_MAX, "bodies/%02x", file->b[UID_BYTES - 1]);
}

void
body_file_path(const struct uid *file, char path[BODY_PATH_MAX])
{
	char text[UID_TEXT_MAX];

	uid_format(file, text);
	snprintf(path, BODY_PATH_MAX, "bodies/%02x/%s.body", file->b[UID_BYTES - 1],
		 text);
}

void
segment_path(uint64_t id, char path[BODY_PATH_MAX])
{
	snprintf(path, BODY_PATH_MAX, "segments/%06" PRIu64 ".segment", id);
}
