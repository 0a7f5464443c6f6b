/*
 * header.h - reads the header of a message as it arrives, and keeps the wanted fields.
 *
 * For reading, LF ends a line with or without a CR; what is not "Name: value" ends the
 * header.
 */
#ifndef TDC_SRC_MIME_HEADER_H
#define TDC_SRC_MIME_HEADER_H

#include "mime/utf8.h"
#include "tdc/mime/scan.h"

enum { MIME_RECEIVED_MAX = 30 };

struct mime_field_row;

struct mime_header {
	uint64_t max;     /* bytes beyond it are not read for fields    */
	uint64_t taken;   /* bytes so far                              */
	uint64_t line_at; /* where the current line starts           */
	uint64_t size;    /* when it is done                            */
	int state;
	struct mime_utf8 utf8;
	unsigned facts;  /* enum mime_fact bits that the header shows */
	unsigned fields; /* how many were read                       */
	unsigned received;
	bool is_cut; /* beyond `max` */

	char name[MIME_NAME_MAX];
	size_t name_n;
	bool has_name_gap; /* blanks behind the name */

	const struct mime_field_row
		*row; /* the wanted field that is being read, or NULL */
	struct buf *into;
	size_t into_max;
	bool has_field;    /* a field line came: the next may continue it */
	bool is_behind_cr; /* a CR of the value is held back              */
	bool is_value_cut;

	unsigned seen;       /* 1 << enum mime_field */
	struct buf names;    /* with a NUL behind each */
	size_t last_name;    /* where the latest of them starts */
	bool has_more_names; /* that are not kept */
	struct buf values[MIME_FIELD_COUNT];
	struct buf addresses; /* of all address fields, each with a LF behind it */
	size_t address_at;    /* where the current one starts      */
	struct buf received_text;
	struct {
		size_t off, n;
	} received_at[MIME_RECEIVED_MAX];
};

void mime_header_init(struct mime_header *h, uint64_t max);
void mime_header_done(struct mime_header *h);
void mime_header_start(struct mime_header *h);
bool mime_header_is_complete(const struct mime_header *h);
void mime_header_feed(struct mime_header *h, const char *p, size_t n);
void mime_header_finish(struct mime_header *h);

#endif
