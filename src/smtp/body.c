/*
 * body.c - dot transparency: taking it off, putting it on, and the one true end of data.
 *
 * Most data is plain: every CR has its LF, and no line begins with a dot. It is looked at
 * in blocks and passed over; only what is not plain is walked a line at a time.
 *
 * The decoder never holds a byte back but one: the CR behind a dot that stands alone at a
 * line's start. Every other byte is data whatever follows it, a CR included, so a clean
 * chunk is one call of the sink. The dot at a line's start is never data: it is either
 * the stuffing or the end. "Line start" means: behind CR LF, or the very first byte;
 * nothing else counts, which is what makes smuggling sequences plain data.
 *
 *	        CR LF               "."              CR               LF
 *	TEXT ----------> LINE ----------> DOT ----------> DOT_CR ----------> ENDED
 *	  ^               | other          | other          | other: the CR was data
 *	  +---------------+----------------+----------------+
 */
#include "tdc/smtp/body.h"

#include "tdc/base/bytes.h"

enum data_state {
	DATA_LINE, /* a line starts here                             */
	DATA_TEXT, /* within a line, not behind a CR                 */
	DATA_CR,   /* behind a CR that was handed out already        */
	DATA_DOT,  /* behind a dot at a line's start                 */
	DATA_DOT_CR,
	DATA_ENDED,
	DATA_BROKEN, /* encoder: a bare CR or LF came in             */
};

struct line_marks {
	bool bare_cr, bare_lf;
};

enum { BLOCK = 4 * BYTES_AT_ONCE };

/* Looks at BLOCK bytes and the one behind them. */
static bool
block_is_plain(const char *p)
{
	bytes_t found = { 0 };

	for (size_t i = 0; i < BLOCK; i += BYTES_AT_ONCE) {
		bytes_t b = bytes_load(p + i), next = bytes_load(p + i + 1);
		found |= bytes_equal(b, '\r') ^ bytes_equal(next, '\n');
		found |= bytes_equal(b, '\n') & bytes_equal(next, '.');
	}
	return !bytes_any(found);
}

/*
 * Passes over plain blocks from within a line, not behind a CR. What stands behind a
 * block is looked at with it: the LF of a CR at its end is there, and a line that begins
 * there has no dot.
 */
static const char *
skip_plain(const char *p, const char *end, int *state)
{
	const char *start = p;

	if (end - p <= BLOCK || *p == '\n')
		return p;
	while (end - p > BLOCK && block_is_plain(p))
		p += BLOCK;
	if (p > start && p[-1] != '\n')
		*state = p[-1] == '\r' ? DATA_CR : DATA_TEXT;
	else if (p > start)
		*state = DATA_LINE;
	return p;
}

/*
 * Walks from within a line to behind the next LF, or to `end`; sets the state and what
 * was bare on the way. `p` is not behind a CR.
 */
static const char *
walk_line(const char *p, const char *end, int *state, struct line_marks *marks)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));
	const char *stop = lf == NULL ? end : lf;
	const char *cr = memchr(p, '\r', (size_t)(stop - p));

	if (cr != NULL && cr + 1 < stop)
		marks->bare_cr = true;
	bool is_behind_cr = stop > p && stop[-1] == '\r';
	if (lf == NULL) {
		*state = is_behind_cr ? DATA_CR : DATA_TEXT;
		return end;
	}
	if (is_behind_cr) {
		*state = DATA_LINE;
	} else {
		*state = DATA_TEXT;
		marks->bare_lf = true;
	}
	return lf + 1;
}

/* As far as it is plain, or else one line; `p` is not behind a CR. */
static const char *
walk(const char *p, const char *end, int *state, struct line_marks *marks)
{
	const char *plain_end = skip_plain(p, end, state);

	return plain_end > p ? plain_end : walk_line(p, end, state, marks);
}

/*
 * The byte behind a CR that is already handed out: completes the CRLF, or shows the CR as
 * bare.
 */
static const char *
walk_behind_cr(const char *p, int *state, struct line_marks *marks)
{
	if (*p == '\n') {
		*state = DATA_LINE;
		return p + 1;
	}
	marks->bare_cr = true;
	*state = DATA_TEXT;
	return p;
}

void
smtp_data_decoder_init(struct smtp_data_decoder *d)
{
	*d = (struct smtp_data_decoder){ .state = DATA_LINE };
}

size_t
smtp_data_decode(struct smtp_data_decoder *d, struct span input, smtp_data_fn *sink,
		 void *arg, bool *ended)
{
	const char *p = input.p, *run = input.p;
	const char *end = input.n == 0 ? p : p + input.n;
	struct line_marks marks = { 0 };

	while (p < end && d->state != DATA_ENDED) {
		switch (d->state) {
		case DATA_LINE:
			if (*p != '.') {
				d->state = DATA_TEXT;
				break;
			}
			if (p > run)
				sink(arg, run, (size_t)(p - run));
			run = ++p;
			d->state = DATA_DOT;
			break;
		case DATA_DOT:
			d->state = DATA_TEXT;
			if (*p == '\r') {
				run = ++p;
				d->state = DATA_DOT_CR;
			}
			break;
		case DATA_DOT_CR:
			if (*p == '\n') {
				run = ++p;
				d->state = DATA_ENDED;
				break;
			}
			marks.bare_cr = true;
			sink(arg, "\r", 1);
			d->state = DATA_TEXT;
			break;
		case DATA_CR:
			p = walk_behind_cr(p, &d->state, &marks);
			break;
		default:
			p = walk(p, end, &d->state, &marks);
			break;
		}
	}
	if (p > run)
		sink(arg, run, (size_t)(p - run));
	d->has_bare_cr = d->has_bare_cr || marks.bare_cr;
	d->has_bare_lf = d->has_bare_lf || marks.bare_lf;
	*ended = d->state == DATA_ENDED;
	return input.n == 0 ? 0 : (size_t)(p - input.p);
}

void
smtp_data_encoder_init(struct smtp_data_encoder *n)
{
	n->state = DATA_LINE;
}

int
smtp_data_encode(struct smtp_data_encoder *n, struct span input, smtp_data_fn *sink,
		 void *arg)
{
	const char *p = input.p, *run = input.p;
	const char *end = input.n == 0 ? p : p + input.n;
	struct line_marks marks = { 0 };

	if (n->state == DATA_BROKEN)
		return -1;
	while (p < end) {
		if (n->state == DATA_LINE && *p == '.') {
			/* The run ends with the dot, and the next one starts with it. */
			sink(arg, run, (size_t)(p + 1 - run));
			run = p;
		}
		const char *from = p;
		if (n->state == DATA_CR)
			p = walk_behind_cr(p, &n->state, &marks);
		else
			p = walk(p, end, &n->state, &marks);
		if (marks.bare_cr || marks.bare_lf) {
			/* What was walked before is harmless: it holds no fault. */
			if (from > run)
				sink(arg, run, (size_t)(from - run));
			n->state = DATA_BROKEN;
			return -1;
		}
	}
	if (p > run)
		sink(arg, run, (size_t)(p - run));
	return 0;
}

int
smtp_data_encode_end(struct smtp_data_encoder *n, smtp_data_fn *sink, void *arg)
{
	static const char end[] = "\r\n.\r\n";

	if (n->state != DATA_LINE && n->state != DATA_TEXT)
		return -1;
	if (n->state == DATA_LINE)
		sink(arg, end + 2, 3);
	else
		sink(arg, end, 5);
	n->state = DATA_BROKEN;
	return 0;
}
