/*
 * renderer.c - what one rendering leaves for the next: nothing that is in the bytes, only
 * what would be made again.
 *
 * Profiles are few: one for each set of extensions that intakes offer, and of journals
 * that were uncertain when the configuration changed. The one that was kept for longest
 * makes place.
 */
#include "render.h"

#include <stdlib.h>

int
journal_renderer_new(const uint8_t *secret, struct journal_renderer **ret, struct err *e)
{
	struct journal_renderer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_set(e, ERR_MEMORY, 0, "no memory to render journals");
	if (hmac_key_new(secret, &w->key, e) != 0) {
		free(w);
		return -1;
	}
	buf_init(&w->report, SIZE_MAX);
	buf_init(&w->list, SIZE_MAX);
	buf_init(&w->clean, SIZE_MAX);
	w->dated_at = INT64_MIN;
	*ret = w;
	return 0;
}

void
journal_renderer_free(struct journal_renderer *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < PROFILES_KEPT; i++)
		free(w->kept[i].text);
	hmac_key_free(w->key);
	buf_done(&w->report);
	buf_done(&w->list);
	buf_done(&w->clean);
	free(w);
}

const struct profile *
renderer_profile(struct journal_renderer *w, const char *text, struct err *e)
{
	for (size_t i = 0; i < PROFILES_KEPT; i++)
		if (w->kept[i].text != NULL && strcmp(w->kept[i].text, text) == 0)
			return &w->kept[i].profile;
	size_t at = w->next;
	char *copy = strdup(text);
	if (copy == NULL) {
		err_set(e, ERR_MEMORY, 0, "no memory for a render profile");
		return NULL;
	}
	free(w->kept[at].text);
	w->kept[at].text = NULL;
	if (profile_parse(text, &w->kept[at].profile, e) != 0) {
		free(copy);
		return NULL;
	}
	w->kept[at].text = copy;
	w->next = (at + 1) % PROFILES_KEPT;
	return &w->kept[at].profile;
}

const char *
renderer_date(struct journal_renderer *w, int64_t wall_ms)
{
	int64_t second = wall_ms / 1000;

	/* Before 1970 the division would round the other way: not kept. */
	if (wall_ms < 0 || second != w->dated_at) {
		clock_format_mail(wall_ms, w->date);
		w->dated_at = wall_ms < 0 ? INT64_MIN : second;
	}
	return w->date;
}
